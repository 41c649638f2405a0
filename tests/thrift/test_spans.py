"""The fields of a message by their bytes, for a person."""

import math

import pytest
from thrift_messages import (
    CALL,
    CLIENT,
    CODEC,
    EXCEPTION,
    FORMS,
    REPLY,
    SERVER,
    WRITERS,
    framed,
    hx,
    in_header,
    message,
    run,
    strict,
)
from thrift_values import written

from metaprotocol_codecs.thrift import Field, Idl, Method, ThriftCodec, Type
from metaprotocol_sdk import Limits


def spans_of(data, direction=SERVER, codec=CODEC):
    return codec.spans(codec.decode(data, direction))


def shown(data, direction=SERVER, codec=CODEC):
    """Return name, value and meaning of every span, by its bytes in hex."""
    spans = spans_of(data, direction, codec)
    return [(data[span.start : span.end].hex(), span.name, span.value, span.meaning) for span in spans]


def test_a_strict_binary_message_in_a_frame():
    assert shown(message(("framed", "strict"), CALL, name="S:echo", seqid=-2)) == [
        ("0000001c", "frame_length", "28", ""),
        ("8001", "version", "", "binary"),
        ("0001", "type", "1", "call"),
        ("00000006533a6563686f", "method", "S:echo", "echo of the service S"),
        ("fffffffe", "seqid", "-2", "request id 4294967294"),
        ("0b0001000000026869", "arguments.1", "'hi'", "string"),
        ("00", "stop", "", "the end of the struct"),
    ]


def test_a_non_strict_message():
    assert shown(message(("unframed", "non-strict"), REPLY, "result"), CLIENT) == [
        ("000000046563686f", "method", "echo", ""),
        ("02", "type", "2", "reply"),
        ("00000007", "seqid", "7", ""),
        ("08000000000005", "result.0", "5", "i32"),
        ("00", "stop", "", "the end of the struct"),
    ]


def test_a_compact_message():
    assert shown(message(("unframed", "compact"), EXCEPTION, "failure"), CLIENT) == [
        ("82", "version", "", "compact"),
        ("61", "type", "3", "exception"),
        ("07", "seqid", "7", ""),
        ("046563686f", "method", "echo", ""),
        ("18046e6f2078", "exception.message", "'no x'", "string"),
        ("1502", "exception.type", "UNKNOWN_METHOD", "i32"),
        ("00", "stop", "", "the end of the struct"),
    ]


def test_a_json_message():
    assert [
        (bytes.fromhex(raw), *rest) for raw, *rest in shown(message(("unframed", "json"), REPLY, "declared"), CLIENT)
    ] == [
        (b"[1,", "version", "", "json"),
        (b'"echo",', "method", "echo", ""),
        (b"2,", "type", "2", "reply"),
        (b"7,", "seqid", "7", ""),
        (b'{"1":{"rec":{"1":{"i32":42}}', "result.1", '{"1":{"i32":42}}', "struct"),
        (b"}}]", "stop", "", "the end of the struct"),
    ]


def test_a_header_with_keys_padding_and_information_that_nobody_reads():
    data = in_header(strict(CALL, "m", 7, hx("00")), information=run({"k": "v"}), seqid=300)
    assert [span[1:] for span in shown(data)[1:9]] == [
        ("magic", "", "THeader"),
        ("flags", "0x0000", ""),
        ("header_seqid", "300", ""),
        ("header_words", "2", "8 bytes"),
        ("protocol", "0", "binary"),
        ("transforms", "0", ""),
        ("keys", "1", ""),
        ("keys.k", "v", ""),
    ]
    names = [span.name for span in spans_of(in_header(strict(CALL, "m", 7, hx("00")), information=hx("02 01")))]
    assert "information" in names


def test_what_was_packed_is_one_span_that_tells_what_is_in_it():
    payload = spans_of(message(("zipped", "strict"), CALL))[-1]
    assert payload.name == "payload"
    assert payload.value == "type 1, method echo, seqid 7, arguments.1 'hi'"
    assert payload.meaning == "26 bytes when unpacked"


def test_a_header_alone_and_an_empty_frame_have_spans():
    assert [span.name for span in spans_of(bytes(4))] == ["frame_length"]
    assert spans_of(in_header(b""))[-1].name == "padding"


VALUES = [
    (2, True, "true"),
    (3, -128, "-128"),
    (6, -300, "-300"),
    (8, 70_000, "70000"),
    (10, -(2**63), "-9223372036854775808"),
    (4, 1.5, "1.5"),
    (11, "é\n", "'é\\n'"),
    (15, (8, [1, 2]), "[1, 2]"),
    (14, (11, ["a"]), "{'a'}"),
    (15, (2, [True, False]), "[true, false]"),
    (13, (11, 8, [("a", 1), ("b", 2)]), "{'a': 1, 'b': 2}"),
    (13, (11, 8, []), "{}"),
    (12, [(1, 8, 5), (2, 2, True), (300, 12, [])], "{1: 5, 2: true, 300: {}}"),
    (15, (12, [[(1, 8, 5)], []]), "[{1: 5}, {}]"),
]


@pytest.mark.parametrize("protocol", ["binary", "compact"])
@pytest.mark.parametrize(("kind", "value", "text"), VALUES)
def test_values_are_shown(protocol, kind, value, text):
    spans = spans_of(written(protocol, "m", 1, 0, [(1, kind, value)]))
    assert [span.value for span in spans if span.name == "arguments.1"] == [text]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xff\x00", "0xff00"),
        (b"x" * 100, repr("x" * 80) + "…"),
        (b"x" * 79 + "é".encode() + b"x", repr("x" * 79) + "…"),
        (b"\xff" * 100, "0x" + "ff" * 80 + "…"),
        (b"x" * 10 + b"\xc3" + b"x" * 90, "0x" + "78" * 10 + "c3" + "78" * 69 + "…"),
    ],
)
@pytest.mark.parametrize("protocol", ["strict", "compact"])
def test_binaries_are_shown_in_hex_and_long_strings_shortened(protocol, raw, text):
    field = hx("0b 0001") + len(raw).to_bytes(4) if protocol == "strict" else b"\x18" + bytes((len(raw),))
    spans = spans_of(WRITERS[protocol](CALL, "m", 0, field + raw + b"\0"))
    assert [span.value for span in spans if span.name == "arguments.1"] == [text]


def test_doubles_are_read_in_the_order_of_their_protocol():
    for protocol in ("binary", "compact"):
        (span,) = [span for span in spans_of(written(protocol, "m", 1, 0, [(1, 4, math.pi)])) if "." in span.name]
        assert float(span.value) == math.pi


def test_what_is_too_deep_to_show_ends_with_dots():
    codec = ThriftCodec(limits=Limits(max_depth=2))
    data = written("binary", "m", 1, 0, [(1, 12, [(1, 12, [(1, 12, [])])])])
    assert [span.value for span in spans_of(data, codec=codec) if span.name == "arguments.1"] == ["{1: {1: …"]


@pytest.mark.parametrize("form", [form for form in FORMS if form[0] == "framed"], ids=" ".join)
def test_what_cannot_be_read_is_a_span_that_says_why(form):
    data = message(form, CALL)
    cut = framed(data[4:-3])
    last = CODEC.spans(CODEC.decode(cut, SERVER))[-1]
    assert last.name == "unreadable"
    assert last.end == len(cut)
    assert last.meaning


def test_what_is_after_the_message_is_a_span_of_its_own():
    last = CODEC.spans(CODEC.decode(framed(strict(CALL, "m", 0, hx("00")) + b"xyz"), SERVER))[-1]
    assert (last.name, last.meaning) == ("trailing", "after the message, in its frame")


NUMBER = Type("i32")
COLOR = Type("Color", numbers={1: "RED"})
NODE = Type("Node")
NODE.fields.update(
    {
        1: Field("value", COLOR),
        2: Field("next", NODE),
        3: Field("names", Type("map<string,Node>", key=Type("string"), item=NODE)),
    }
)
PAINT = Method(
    {1: Field("node", NODE), 2: Field("count", NUMBER)},
    {0: Field("success", Type("list<Color>", item=COLOR)), 1: Field("oops", NODE)},
)
OTHER = Method({1: Field("other", NUMBER)}, {})
IDL = Idl({"Painter": {"paint": PAINT}, "House": {"paint": OTHER, "live": OTHER}})


@pytest.mark.parametrize("protocol", ["binary", "compact"])
def test_an_interface_definition_gives_names_to_arguments_fields_and_numbers(protocol):
    codec = ThriftCodec(idl=IDL)
    node = [(1, 8, 1), (2, 12, [(1, 8, 9)]), (3, 13, (11, 12, [("k", [(1, 8, 1)])])), (9, 8, 4)]
    spans = spans_of(written(protocol, "Painter:paint", 1, 0, [(1, 12, node), (2, 8, 3), (7, 8, 8)]), codec=codec)
    assert [(span.name, span.value, span.meaning) for span in spans if "." in span.name] == [
        ("arguments.node", "{value: RED, next: {value: 9}, names: {'k': {value: RED}}, 9: 4}", "Node"),
        ("arguments.count", "3", "i32"),
        ("arguments.7", "8", "i32"),
    ]
    result = written(protocol, "live", 2, 0, [(0, 8, 1)])
    assert [span.name for span in spans_of(result, CLIENT, codec) if "." in span.name] == ["result.0"]


def test_in_json_an_interface_definition_names_arguments_and_numbers():
    codec = ThriftCodec(idl=Idl({"S": {"m": Method({1: Field("color", COLOR)}, {})}}))
    spans = spans_of(written("json", "m", 1, 0, [(1, 8, 1)]), codec=codec)
    assert [(span.name, span.value, span.meaning) for span in spans if "." in span.name] == [
        ("arguments.color", "RED", "Color")
    ]


def test_a_method_is_found_by_its_service_or_where_only_one_has_it():
    assert IDL.find("Painter", "paint") is PAINT
    assert IDL.find("House", "paint") is OTHER
    assert IDL.find("Registered as something else", "live") is OTHER
    assert IDL.find(None, "paint") is None
    assert IDL.find("House", "absent") is None
    assert Idl({"A": {"m": PAINT}, "B": {"m": PAINT}}).find(None, "m") is PAINT
