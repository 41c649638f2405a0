"""The fields of a message, with their bytes and values."""

from itertools import pairwise
from pathlib import Path

import pytest
from dubbo_bytes import message, request, response, string, untyped_map
from hypothesis import given
from hypothesis import strategies as st
from recordings import Recording, decode

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, Limits, MessageDecoder

CODEC = DubboCodec()
VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
HEADER = ["magic", "flags", "status", "request_id", "length"]


def spans_of(data, codec=CODEC):
    """Return the spans of one message, whether or not its body can be read."""
    direction = Direction.TO_SERVER if data[2] & 0x80 else Direction.TO_CLIENT
    (metadata,) = MessageDecoder(codec, direction).feed(data)
    return codec.spans(metadata)


def texts(span):
    """Return a span's value and meaning; how arguments and results are described is not the subject here."""
    if span.name.startswith("arguments.") or span.name in ("value", "exception"):
        return "...", "..."
    return span.value, span.meaning


def rows(data):
    return [(span.start, span.end, span.name, *texts(span)) for span in spans_of(data)]


def body_rows(data):
    return [(span.name, *texts(span)) for span in spans_of(data)[5:]]


def test_a_request_field_by_field():
    data = request(
        request_id=258,
        path="a.B",
        version="1",
        method="plus",
        types="ILjava/lang/String;",
        arguments=b"\x91" + string("hi"),
        attachments=b"H" + string("k") + string("v") + string("n") + b"\x90" + b"Z",
    )
    assert rows(data) == [
        (0, 2, "magic", "", ""),
        (2, 3, "flags", "0xc2", "request two-way hessian2"),
        (3, 4, "status", "0", ""),
        (4, 12, "request_id", "258", ""),
        (12, 16, "length", "50", ""),
        (16, 22, "dubbo", "2.0.2", ""),
        (22, 26, "path", "a.B", ""),
        (26, 28, "version", "1", ""),
        (28, 33, "method", "plus", ""),
        (33, 53, "parameter_types", "ILjava/lang/String;", ""),
        (53, 54, "arguments.0", "...", "..."),
        (54, 57, "arguments.1", "...", "..."),
        (57, 58, "attachments", "", "a map of 2"),
        (58, 62, "attachments.k", "v", ""),
        (62, 65, "attachments.n", "0", "not a string"),
        (65, 66, "end", "", "of the attachments"),
    ]


def test_attachments_that_are_not_strings_show_their_values():
    entries = {
        "a": b"\x97",
        "b": b"T",
        "c": b"N",
        "d": b"H" + string("k") + b"\x91Z",
        "e": b"\x51\x90",
        "a2": string("x"),
    }
    data = request(
        types="Ljava/util/List;",
        arguments=b"\x79" + string("hi"),
        attachments=b"H" + b"".join(string(key) + value for key, value in entries.items()) + b"Z",
    )
    shown = {span.name: (span.value, span.meaning) for span in spans_of(data) if span.name.startswith("attachments.")}
    assert shown == {
        "attachments.a": ("7", "not a string"),
        "attachments.b": ("True", "not a string"),
        "attachments.c": ("None", "not a string"),
        "attachments.d": ("{'k': 1}", "not a string"),
        "attachments.e": ("['hi']", "not a string"),
        "attachments.a2": ("x", ""),
    }


def test_a_response_with_a_value_and_attachments():
    assert rows(response(b"\x94" + string("hi") + untyped_map({"k": "v"}), request_id=1)) == [
        (0, 2, "magic", "", ""),
        (2, 3, "flags", "0x02", "response hessian2"),
        (3, 4, "status", "20", "OK"),
        (4, 12, "request_id", "1", ""),
        (12, 16, "length", "10", ""),
        (16, 17, "kind", "4", "value, with attachments"),
        (17, 20, "value", "...", "..."),
        (20, 21, "attachments", "", "a map of 1"),
        (21, 25, "attachments.k", "v", ""),
        (25, 26, "end", "", "of the attachments"),
    ]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (response(b"\x92"), [("kind", "2", "null")]),
        (
            response(b"\x90" + bytes.fromhex("43 01 41 90 60")),
            [("kind", "0", "exception"), ("exception", "...", "...")],
        ),
        (response(string("boom"), status=70), [("error", "boom", "")]),
        (response(b"N", status=70), [("error", "", "null")]),
        (message(0xA2, string("R")), [("event", "R", "")]),
        (message(0xE2, b"N"), [("event", "", "null")]),
        (message(0x22, b"N", status=20), [("event", "", "null")]),
        (message(0xC6, b"[1]"), [("body", "", "fastjson")]),
        (message(0xC5, b"x"), [("body", "", "serialization 5")]),
        (response(b"\x92\xff\xff"), [("kind", "2", "null"), ("trailing", "", "no reader looks at these bytes")]),
        (response(b"\x95N"), [("kind", "5", "null, with attachments"), ("attachments", "", "null")]),
    ],
    ids=["null", "exception", "error", "null error", "event", "heartbeat", "heartbeat answer", "other serialization",
         "unknown serialization", "trailing bytes", "null attachments"],
)  # fmt: skip
def test_bodies_of_other_messages(data, fields):
    assert body_rows(data) == fields


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (20, "OK"),
        (25, "SERIALIZATION_ERROR"),
        (30, "CLIENT_TIMEOUT"),
        (31, "SERVER_TIMEOUT"),
        (35, "CHANNEL_INACTIVE"),
        (40, "BAD_REQUEST"),
        (50, "BAD_RESPONSE"),
        (60, "SERVICE_NOT_FOUND"),
        (70, "SERVICE_ERROR"),
        (80, "SERVER_ERROR"),
        (90, "CLIENT_ERROR"),
        (100, "SERVER_THREADPOOL_EXHAUSTED_ERROR"),
        (99, ""),
    ],
)
def test_the_status_of_a_response_has_dubbo_s_name(status, name):
    (span,) = [span for span in spans_of(response(b"\x92", status=status)) if span.name == "status"]
    assert (span.value, span.meaning) == (str(status), name)


def test_a_null_in_the_body_of_a_request_is_called_so():
    assert ("version", "", "null") in body_rows(request(version=None))


def test_a_key_that_is_no_string_has_no_name():
    assert ("attachments.?", "v", "") in body_rows(request(attachments=b"H\x90" + string("v") + b"Z"))


def test_an_exception_is_labelled_with_its_class():
    (*_, span) = spans_of(response(b"\x90" + bytes.fromhex("43 05 612e426164 90 60")))
    assert "a.Bad" in span.value + span.meaning


def test_attachments_that_are_a_reference_say_so():
    data = request(types="Ljava/util/Map;", arguments=b"HZ", attachments=bytes.fromhex("51 90"))
    assert body_rows(data)[-1] == ("attachments", "", "the same map as an earlier value")


def test_what_cannot_be_read_is_one_span_that_says_why():
    data = request(types="I", arguments=b"\x40")
    last = spans_of(data)[-1]
    assert (last.start, last.end, last.name) == (data.index(b"\x40"), len(data), "unreadable")
    assert "40" in last.meaning


def test_what_was_read_before_the_unreadable_part_keeps_its_names():
    assert [span.name for span in spans_of(request(types="I", arguments=b"\x40"))] == [
        *HEADER, "dubbo", "path", "version", "method", "parameter_types", "unreadable"
    ]  # fmt: skip


@pytest.mark.parametrize("data", [message(0xC2), message(0x02, status=20), message(0xA2)])
def test_a_message_without_a_body_has_only_a_header(data):
    assert [span.name for span in spans_of(data)] == HEADER


def test_a_body_past_a_limit_is_unreadable():
    codec = DubboCodec(limits=Limits(max_elements=1))
    assert spans_of(request(attachments={"a": "", "b": ""}), codec)[-1].name == "unreadable"


RECORDED = [
    metadata.message
    for path in sorted(VECTORS.glob("*.bin"))
    for metadata in decode(CODEC, Recording(path).direction, [Recording(path).data]).messages
    if len(metadata.message) < 600
]


@st.composite
def damaged(draw):
    """A recorded message in which some bytes of the body or the flags are others, or are missing."""
    data = bytearray(draw(st.sampled_from(RECORDED)))
    data[2] = draw(st.one_of(st.just(data[2]), st.integers(0, 255)))
    body = data[16:]
    for _ in range(draw(st.integers(0, 4))):
        if body:
            body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    del body[draw(st.integers(0, len(body))) :]
    return bytes(data[:12]) + len(body).to_bytes(4) + bytes(body)


@given(damaged())
def test_spans_cover_every_message_in_order_however_damaged(data):
    spans = spans_of(data)
    assert spans[0].start == 0
    assert spans[-1].end == len(data)
    assert all(before.end == after.start for before, after in pairwise(spans))
    assert all(span.start < span.end for span in spans)


def test_a_body_that_ends_behind_a_field_has_no_empty_span():
    whole = request()
    cut_off = whole[:12] + (len(whole) - 18).to_bytes(4) + whole[16:-2]
    assert spans_of(cut_off)[-1].name == "parameter_types"
