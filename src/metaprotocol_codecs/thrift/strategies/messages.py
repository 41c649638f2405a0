"""Draws whole messages: every type of message, in every protocol and transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from hypothesis import strategies as st

from metaprotocol_codecs.thrift.detection import AUTO, FRAMED, HEADER, UNFRAMED
from metaprotocol_codecs.thrift.strategies import binary
from metaprotocol_codecs.thrift.strategies.compact import Compact
from metaprotocol_codecs.thrift.strategies.json_writer import Json
from metaprotocol_codecs.thrift.strategies.transports import framed, in_header
from metaprotocol_codecs.thrift.strategies.values import Field, Kind, structs, values
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaprotocol_codecs.thrift.codec import ThriftCodec

_CALL, _REPLY, _EXCEPTION, _ONEWAY = 1, 2, 3, 4


@frozen
class Protocol:
    """A way to write a message.

    Args:
        option: Its name in the codec's option `protocol`.
        write: Returns a message of a type, with a name, a sequence id and the fields of its struct.
        in_header: Its number in THeader; None if THeader does not have it.
    """

    option: str
    write: Callable[[int, str, int, Sequence[Field]], bytes]
    in_header: int | None = None


PROTOCOLS = {
    "strict": Protocol("binary", binary.strict, 0),
    "non-strict": Protocol("binary", binary.non_strict, 0),
    "compact": Protocol("compact", Compact().message, 2),
    "long compact": Protocol("compact", Compact(short=False).message, 2),
    "json": Protocol("json", Json().message),
    "ascii json": Protocol("json", Json(ascii_only=True).message),
}

_METHODS = st.sampled_from(["echo", "ping", "m", "größe", "世界", "x" * 70]) | st.text(
    "abcXYZ_.09", min_size=1, max_size=6
)
_SERVICES = st.sampled_from(["Service", "org.demo.Greeter", "😀"])
_NAMES = _METHODS | st.builds("{}:{}".format, _SERVICES, _METHODS)
_SEQUENCES = st.sampled_from([0, 1, 127, 128, 2**31 - 1, -1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)
# An optional text, and an optional type.
_FAILURES = st.builds(
    lambda text, code, turned: (text + code)[:: -1 if turned else 1],
    st.just([]) | st.text(max_size=8).map(lambda text: [Field(1, Kind.STRING, text)]),
    st.just([]) | st.integers(0, 10).map(lambda code: [Field(2, Kind.I32, code)]),
    st.booleans(),
)


def messages(codec: ThriftCodec) -> st.SearchStrategy[tuple[Direction, bytes]]:
    """Generate valid messages that a codec with these options reads, with their direction."""
    transport, wanted = codec.framing.transport, codec.framing.protocol
    ways = [
        in_transport(name, each)
        for name, protocol in PROTOCOLS.items()
        if wanted in (AUTO, protocol.option)
        for each in (FRAMED, UNFRAMED, HEADER)
        if transport in (AUTO, each) and (each != HEADER or protocol.in_header is not None)
    ]
    return st.one_of(ways)


@st.composite
def in_transport(draw: st.DrawFn, protocol_name: str, transport: str) -> tuple[Direction, bytes]:
    """Generate messages of every type in one protocol and one transport.

    Args:
        draw: Hypothesis' function.
        protocol_name: One of `PROTOCOLS`.
        transport: "framed", "unframed" or "header".
    """
    protocol = PROTOCOLS[protocol_name]
    message_type = draw(st.sampled_from([_CALL, _ONEWAY, _REPLY, _EXCEPTION]))
    to_server = message_type in (_CALL, _ONEWAY)
    # A reply has the name of the method alone.
    name = draw(_NAMES if to_server else _METHODS)
    sequence = draw(_SEQUENCES)
    container_keys = protocol.option != "json"
    if to_server:
        fields = draw(structs(container_keys=container_keys))
    else:
        fields = draw(_results(container_keys=container_keys) if message_type == _REPLY else _FAILURES)
    message = protocol.write(message_type, name, sequence, fields)
    if transport == FRAMED:
        message = framed(message)
    elif transport == HEADER and protocol.in_header is not None:
        message = draw(in_header(message, protocol.in_header, sequence))
    return (Direction.TO_SERVER if to_server else Direction.TO_CLIENT), message


@st.composite
def _results(draw: st.DrawFn, *, container_keys: bool) -> list[Field]:
    """Generate results: nothing, a value, or one of the exceptions that the interface declares."""
    match draw(st.sampled_from(["nothing", "value", "exception"])):
        case "nothing":
            return []
        case "value":
            kind = draw(st.sampled_from(Kind))
            return [Field(0, kind, draw(values(kind, container_keys=container_keys)))]
        case _:
            return [Field(draw(st.integers(1, 20)), Kind.STRUCT, draw(structs(2, container_keys=container_keys)))]
