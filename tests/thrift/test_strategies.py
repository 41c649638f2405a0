"""The strategies draw messages that others read, draw every kind, and shrink to the simplest."""

from functools import partial
from uuid import UUID

import pytest
from hypothesis import assume, find, given
from hypothesis import strategies as st
from soundness import sound
from thrift.protocol.THeaderProtocol import THeaderClientType
from thrift.transport.THeaderTransport import THeaderTransport
from thrift.transport.TTransport import TMemoryBuffer
from thrift_messages import SERVER
from thrift_values import plain, read, read_head_and_skip, written
from thriftpy2.protocol import binary as thriftpy2_binary
from thriftpy2.protocol import compact as thriftpy2_compact
from thriftpy2.transport import TMemoryBuffer as Thriftpy2Buffer

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.detection import PROTOCOLS as OPTIONS
from metaprotocol_codecs.thrift.detection import TRANSPORTS
from metaprotocol_codecs.thrift.strategies import messages
from metaprotocol_codecs.thrift.strategies.messages import PROTOCOLS, in_transport
from metaprotocol_codecs.thrift.strategies.values import Entries, Field, Items, Kind, structs
from metaprotocol_sdk import MessageType

THRIFTPY2 = {
    "strict": thriftpy2_binary.TBinaryProtocol,
    "non-strict": partial(thriftpy2_binary.TBinaryProtocol, strict_read=False),
    "compact": thriftpy2_compact.TCompactProtocol,
    "long compact": thriftpy2_compact.TCompactProtocol,
}
SEQUENCES = st.sampled_from([0, 1, 2**31 - 1, -1, -(2**31)])
PINNED = [(one, other) for one in TRANSPORTS for other in OPTIONS if (one, other) != ("header", "json")]


def every_value(fields):
    """Yield each field, item, key and value in a struct, at any depth: the kind around it, its kind and itself."""
    left = [(Kind.STRUCT, kind, value) for _, kind, value in fields]
    while left:
        around, kind, value = left.pop()
        yield around, kind, value
        if kind is Kind.STRUCT:
            left += [(kind, inner, item) for _, inner, item in value]
        elif kind is Kind.MAP:
            left += [(kind, value.key, key) for key, _ in value.pairs]
            left += [(kind, value.item, item) for _, item in value.pairs]
        elif kind in (Kind.LIST, Kind.SET):
            left += [(kind, value.kind, item) for item in value.items]


def kinds_in(fields):
    """Return every type that is named in a struct, be there a value of it or not."""
    return {kind for _, kind, _ in every_value(fields)} | {
        named
        for _, kind, value in every_value(fields)
        if kind in (Kind.LIST, Kind.SET, Kind.MAP)
        for named in value
        if isinstance(named, Kind)
    }


@pytest.mark.parametrize("way", PROTOCOLS)
@given(data=st.data(), kind=st.integers(1, 4), sequence=SEQUENCES)
def test_apache_reads_every_value_as_it_was_drawn(way, data, kind, sequence):
    protocol = PROTOCOLS[way]
    fields = data.draw(structs(container_keys=protocol.option != "json"))
    message = protocol.write(kind, "größe", sequence, fields)
    found = read(protocol.option, message, fields)
    expected = ("größe", kind, sequence, plain(fields), len(message))
    assert repr(found) == repr(expected)  # no NaN equals another


@pytest.mark.parametrize("way", ["strict", "compact"])
@given(fields=structs(container_keys=True), kind=st.integers(1, 4), sequence=SEQUENCES)
def test_apache_writes_the_same_bytes(way, fields, kind, sequence):
    assert PROTOCOLS[way].write(kind, "m", sequence, fields) == written(
        PROTOCOLS[way].option, "m", kind, sequence, fields
    )


@pytest.mark.parametrize("way", THRIFTPY2)
@given(fields=structs(container_keys=True), sequence=SEQUENCES)
def test_thriftpy2_reads_as_far_as_the_message_goes(way, fields, sequence):
    assume(Kind.UUID not in kinds_in(fields))  # it knows no such type
    message = PROTOCOLS[way].write(1, "m", sequence, fields)
    buffer = Thriftpy2Buffer(message + b"after")
    protocol = THRIFTPY2[way](buffer)
    name, kind, read_sequence = protocol.read_message_begin()
    assert (name, kind, read_sequence % 2**32) == ("m", 1, sequence % 2**32)
    protocol.skip(Kind.STRUCT)
    assert buffer.read(5) == b"after"


@pytest.mark.parametrize("way", [name for name, protocol in PROTOCOLS.items() if protocol.in_header is not None])
@given(data=st.data())
def test_apache_finds_the_message_behind_a_header(way, data):
    direction, message = data.draw(in_transport(way, "header"))
    transport = THeaderTransport(TMemoryBuffer(message), [THeaderClientType.HEADERS])
    transport.readFrame(0)
    payload = transport.cstringio_buf.getvalue()
    name, _, sequence, end = read_head_and_skip(PROTOCOLS[way].option, payload)
    assert (sequence, end) == (transport.sequence_id, len(payload))
    metadata = sound(ThriftCodec().decode(message, direction))
    assert name.rpartition(":")[2] == metadata.properties["method"]


@pytest.mark.parametrize(("transport", "protocol"), PINNED)
@given(data=st.data())
def test_a_codec_reads_what_is_drawn_for_its_options(transport, protocol, data):
    codec = ThriftCodec(transport=transport, protocol=protocol)
    direction, message = data.draw(messages(codec))
    metadata = sound(codec.decode(message, direction))
    assert metadata.message == message
    assert (metadata.message_type in (MessageType.REQUEST, MessageType.ONEWAY)) is (direction is SERVER)


SIMPLEST = {
    **dict.fromkeys((Kind.BOOL, Kind.BYTE, Kind.I16, Kind.I32, Kind.I64), 0),
    Kind.DOUBLE: 0.0,
    Kind.STRING: "",
    Kind.UUID: UUID(int=0),
    Kind.STRUCT: [],
    Kind.LIST: Items(Kind.BOOL, []),
    Kind.SET: Items(Kind.BOOL, []),
    Kind.MAP: Entries(Kind.BOOL, Kind.BOOL, []),
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
def test_every_type_is_drawn_and_shrinks_to_the_simplest_field_of_it(kind):
    found = find(structs(), lambda fields: any(kind is found for _, found, _ in every_value(fields)))
    assert found == [Field(1, kind, SIMPLEST[kind])]


def test_a_map_in_a_list_shrinks_to_these_two():
    found = find(structs(), lambda fields: (Kind.LIST, Kind.MAP) in {value[:2] for value in every_value(fields)})
    assert found == [Field(1, Kind.LIST, Items(Kind.MAP, [Entries(Kind.BOOL, Kind.BOOL, [])]))]


def test_a_large_list_shrinks_to_the_fewest_items_that_have_a_long_form():
    found = find(structs(), lambda fields: any(len(value) > 14 for _, kind, (_, value) in lists_in(fields)))
    assert found == [Field(1, Kind.LIST, Items(Kind.BOOL, [False] * 15))]


def lists_in(fields):
    return [found for found in every_value(fields) if found[1] is Kind.LIST]


def test_a_message_shrinks_to_one_without_arguments():
    assert find(messages(ThriftCodec()), lambda message: True) == (
        SERVER,
        bytes.fromhex("00000011 80010001 00000004 6563686f 00000000 00"),
    )


def test_a_packed_message_shrinks_to_one_without_keys():
    packed = ThriftCodec(transport="header", protocol="compact")
    _, message = find(messages(packed), lambda found: found[1][15:17] == b"\2\1")
    assert message[4:18] == bytes.fromhex("0fff 0000 00000000 0001 02 02 01 01")
