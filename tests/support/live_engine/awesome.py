"""AwesomeRPC's messages and servers."""

from collections.abc import Mapping

from live_engine.peers import Handler, ServerConnection
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Metadata

CODEC = AwesomeRpcCodec()
REQUEST, RESPONSE, ONEWAY, HEARTBEAT = range(4)


def request(
    number: int,
    headers: Mapping[str, str] | None = None,
    payload: bytes = b"",
    kind: int = REQUEST,
    command: int = 7,
) -> bytes:
    headers = {"service": "reviews"} if headers is None else headers
    return CODEC.build(kind, number, command, headers=headers, payload=payload)


def reply(message: Metadata, payload: bytes = b"", status: int = 0, headers: Mapping[str, str] = {}) -> bytes:
    return CODEC.build(RESPONSE, message.request_id, int(message.properties["cmd"]), status, headers, payload)


def replying(payload: bytes | None = None, status: int = 0, headers: Mapping[str, str] = {}) -> Handler:
    """Return a handler that answers each request, with the request's own payload unless there is another."""

    def handle(message: Metadata, connection: ServerConnection) -> bytes | None:
        if not message.expects_reply:
            return None
        return reply(message, body(message) if payload is None else payload, status, headers)

    return handle


def body(message: Metadata) -> bytes:
    return message.message[message.header_size :]
