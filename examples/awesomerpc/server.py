"""A small AwesomeRPC server: `python examples/awesomerpc/server.py [PORT]`, by default port 7000.

It shows what a user of the SDK does with bytes: feed a MessageDecoder, look at Metadata, write what the codec builds.
"""

import asyncio
import contextlib
import sys

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Error, ErrorType, MessageDecoder, MessageType, Metadata, ProtocolError

RESPONSE = 1
GREET = 7

codec = AwesomeRpcCodec()


def answer(request: Metadata) -> bytes:
    """Return the reply to one message, or nothing if it expects none."""
    if request.error is not None:
        return codec.on_error(request, Error(ErrorType.BAD_REQUEST, str(request.error)))
    if request.message_type is MessageType.HEARTBEAT and request.expects_reply:
        return codec.heartbeat_reply(request)
    if request.message_type is MessageType.ONEWAY:
        print(f"noted: {request.operation}", flush=True)
    if request.message_type is not MessageType.REQUEST:
        return b""
    if request.properties["cmd"] != str(GREET):
        return codec.on_error(request, Error(ErrorType.ROUTE_NOT_FOUND, f"no command {request.properties['cmd']}"))
    name = request.message[request.header_size :].decode()
    user = request.properties.get("user", "nobody")
    text = f"Hello {name}, from the server of {user}"
    return codec.build(RESPONSE, request.request_id, GREET, payload=text.encode())


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the messages of one connection."""
    decoder = MessageDecoder(codec.for_connection(), Direction.TO_SERVER)
    try:
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                writer.write(answer(message))
            await writer.drain()
            if decoder.stream_error is not None:
                raise decoder.stream_error
        decoder.eof()
    except ProtocolError as error:
        print(f"closing the connection: {error}", flush=True)
    finally:
        writer.close()


async def main() -> None:
    """Serve until stopped."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
