"""Changes Dubbo messages through the codec and reads them back, the way a proxy and its peer would."""

from collections.abc import Mapping
from typing import Any

from dubbo_bytes import request

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.hessian2.reader import Reader
from metaprotocol_codecs.hessian2.values import Map
from metaprotocol_sdk import Direction, Limits, MessageDecoder, Metadata, Mutation

CODEC = DubboCodec()
HEADER_SIZE = 16

STRING, MAP, OBJECT = "Ljava/lang/String;", "Ljava/util/Map;", "Ljava/lang/Object;"
# The type java.util.HashMap, in hex.
HASH_MAP = "11 6a6176612e7574696c2e486173684d6170"

hx = bytes.fromhex


def read(message: bytes, codec: DubboCodec = CODEC) -> Metadata:
    """Decode exactly one message; a body that cannot be read leaves `error` in it."""
    direction = Direction.TO_SERVER if message[2] & 0x80 else Direction.TO_CLIENT
    decoder = MessageDecoder(codec, direction)
    (metadata,) = decoder.feed(message)
    decoder.eof()
    return metadata


def sound(message: bytes, codec: DubboCodec = CODEC) -> Metadata:
    """Decode exactly one message whose body can be read."""
    metadata = read(message, codec)
    assert metadata.error is None
    return metadata


def properties(message: bytes) -> dict[str, str]:
    """Return the properties of exactly one message whose body can be read."""
    return sound(message).properties


def request_of_version(dubbo: str | None) -> Metadata:
    """Return a request of a client that speaks this protocol version."""
    return sound(request(dubbo=dubbo))


# The client of a response where a test says nothing else: it reads attachments of responses.
CLIENT = request_of_version("2.0.2")


def changed(
    message: bytes,
    mutation: Mapping[str, str | None],
    *,
    client: Metadata | None = CLIENT,
    request_id: int | None = None,
    codec: DubboCodec = CODEC,
) -> bytes:
    """Return a message with a mutation applied; a response answers the request `client`."""
    metadata = read(message, codec)
    if not message[2] & 0x80:
        metadata.request = client
    return codec.encode(metadata, Mutation(mutation), request_id)


def body_values(message: bytes, count: int) -> list[Any]:
    """Read the first values of a body with the hessian2 reader, which builds them."""
    reader = Reader(message, HEADER_SIZE, Limits())
    return [reader.read() for _ in range(count)]


def attachments_of(message: bytes, *, before: int) -> list[tuple[Any, Any]]:
    """Return the pairs of a message's map of attachments, read together with the values before it.

    Args:
        message: A message.
        before: How many values stand before the map: 5 and the arguments in a request, 2 or 1 in a response.
    """
    found = body_values(message, before + 1)[-1]
    if found is None:
        return []
    assert isinstance(found, Map)
    return found.pairs
