"""A small AwesomeRPC client: `python examples/awesomerpc/client.py [PORT]`, by default port 7000.

It sends five messages at once and pairs the replies with their requests by id, as a mesh does.
"""

import asyncio
import sys

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, MessageDecoder, Metadata

REQUEST, _, ONEWAY, HEARTBEAT, _ = range(5)

codec = AwesomeRpcCodec()


def describe(reply: Metadata) -> str:
    """Return what one reply says."""
    text = f"{reply.request_id}: {reply.message_type}"
    if reply.status_code is not None:
        text += f", status {reply.status_code}: {reply.message[reply.header_size :].decode()}"
    return text


async def main() -> None:
    """Make some calls and print the replies in the order of their ids."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = {"service": "Greeter", "user": "Zoë"}
    writer.write(
        codec.build(REQUEST, 1, 7, headers=headers, payload=b"Ada")
        + codec.build(REQUEST, 2, 7, headers=headers, payload="世界 😀".encode())
        + codec.build(ONEWAY, 3, 9, headers=headers)
        + codec.build(REQUEST, 4, 99, headers=headers)
        + codec.build(HEARTBEAT, 5, 0)
    )
    decoder = MessageDecoder(codec.for_connection(), Direction.TO_CLIENT)
    replies: dict[int, Metadata] = {}
    while len(replies) < 4 and (data := await reader.read(65536)):
        replies |= {reply.request_id: reply for reply in decoder.feed(data)}
        if decoder.stream_error is not None:
            raise decoder.stream_error
    writer.close()
    await writer.wait_closed()
    for request_id in sorted(replies):
        print(describe(replies[request_id]))


if __name__ == "__main__":
    asyncio.run(main())
