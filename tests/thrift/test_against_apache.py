"""The ends and heads of generated messages, against Apache Thrift's own Python library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_messages import CODEC, SERVER, framed
from thrift_values import PROTOCOLS, read_head_and_skip, written
from toy_protocols import byte_by_byte, cut_anywhere, outcome

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.strategies.messages import PROTOCOLS as WAYS
from metaprotocol_codecs.thrift.strategies.values import structs
from metaprotocol_sdk import MessageType

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":"), min_size=1, max_size=8)
SEQIDS = st.sampled_from([0, 1, 127, 128, 2**31 - 1, -1, -(2**31)]) | st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(name=NAMES, kind=st.integers(1, 4), seqid=SEQIDS, fields=structs(), data=st.data())
def test_a_message_that_apache_writes_is_read_framed_and_unframed(protocol, name, kind, seqid, fields, data):
    message = written(protocol, name, kind, seqid, fields)
    for stream in (framed(message), message):
        (metadata,) = outcome(CODEC, data.draw(cut_anywhere(stream))).messages
        assert metadata.error is None or kind in (2, 3)  # any fields are no result, nor a TApplicationException
        assert metadata.message == stream
        assert metadata.properties["method"] == name
        assert metadata.request_id == seqid % 2**32
        if kind in (1, 4):
            assert metadata.message_type is {1: MessageType.REQUEST, 4: MessageType.ONEWAY}[kind]


@pytest.mark.parametrize("way", WAYS)
@given(fields=structs(), after=st.binary(max_size=3))
def test_apache_ends_a_message_where_the_scanner_does(way, fields, after):
    message = WAYS[way].write(1, "m", 5, fields)
    assert read_head_and_skip(WAYS[way].option, message + after) == ("m", 1, 5, len(message))
    scanner = ThriftCodec(transport="unframed").framing.scanner(SERVER, CODEC.limits)
    assert scanner.scan(message + after, 0) == len(message)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(fields=structs(depth=2))
def test_single_bytes_give_the_same_message(protocol, fields):
    message = written(protocol, "m", 1, 5, fields)
    assert outcome(CODEC, byte_by_byte(message * 2)) == outcome(CODEC, [message * 2])
    assert len(outcome(CODEC, [message * 2]).messages) == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(fields=structs())
def test_spans_of_every_struct_cover_it_and_name_its_fields(protocol, fields):
    message = framed(written(protocol, "m", 1, 5, fields))
    (metadata,) = outcome(CODEC, [message]).messages
    spans = CODEC.spans(metadata)
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == len(message)
    named = [span.name for span in spans if span.name.startswith("arguments.")]
    assert named == [f"arguments.{number}" for number, _, _ in fields]


@pytest.mark.parametrize("protocol", ["binary", "compact"])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33, 48, 100])
@pytest.mark.parametrize(
    ("kind", "item"), [(11, "abc"), (8, 300), (10, -5), (6, 7), (12, [(1, 8, 5)]), (12, [(1, 15, (8, [1]))]), (2, True)]
)
def test_containers_end_where_they_do_however_many_items_go_in_one_step(protocol, count, kind, item):
    for field in ((1, 15, (kind, [item] * count)), (1, 13, (11, kind, [("k", item)] * count))):
        message = written(protocol, "m", 1, 5, [field, (2, 8, 1)])
        assert outcome(CODEC, [message + message]).pieces == [message, message]
        assert outcome(CODEC, byte_by_byte(message)).pieces == [message]
        (framed_one,) = outcome(CODEC, [framed(message)]).messages
        assert framed_one.error is None


@pytest.mark.parametrize("protocol", ["binary", "compact"])
@pytest.mark.parametrize("sizes", [(64,), (300, 70_000), (63, 64, 127, 128, 16_384), (0, 200, 0)])
def test_strings_of_any_length_stand_between_other_fields(protocol, sizes):
    fields = [field for size in sizes for field in ((1, 11, "x" * size), (2, 8, 5))]
    message = written(protocol, "m", 1, 5, fields)
    assert outcome(CODEC, [framed(message) + message]).pieces == [framed(message), message]
    assert outcome(CODEC, [message[:100], message[100:]]).pieces == [message]
