"""Damaged and malicious messages: messages or protocol errors come out, in bounded time and memory."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_hostile import TRUSTING, outcome
from thrift_messages import CALL, CODEC, EXCEPTION, FORMS, REPLY, SERVER, WRITERS, framed, hx, in_header, message, run
from toy_protocols import byte_by_byte, damaged
from toy_protocols import outcome as outcome_of

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import FramingError, LimitExceeded, Limits

each_form = pytest.mark.parametrize("form", FORMS, ids=" ".join)
# Structs of any depth: the protocol, what begins a level, what is in the last one, and what ends a level.
DEEP = {
    "structs": ("strict", hx("0c0001"), hx("00"), hx("00")),
    "lists": ("strict", hx("0f00000001"), hx("0800000000"), b""),
    "maps": ("strict", hx("080d00000001 00000001"), hx("080800000000"), b""),
    "structs in lists": ("strict", hx("0f0001 0c00000001"), hx("00"), hx("00")),
    "compact structs": ("compact", hx("1c"), hx("00"), hx("00")),
    "compact lists": ("compact", hx("19"), hx("05"), b""),
    "compact maps": ("compact", hx("01 5b 02"), hx("00"), b""),
    "objects": ("json", b'{"1":{"rec":', b"{}", b"}}"),
    "arrays": ("json", b'["lst",1,', b'["i32",0]', b"]"),
}
# What makes a struct of a value that is none.
AROUND = {
    "lists": (hx("0f0001"), hx("00")),
    "maps": (hx("0d0001"), hx("00")),
    "compact lists": (hx("19"), hx("00")),
    "compact maps": (hx("1b"), hx("00")),
    "arrays": (b'{"1":{"lst":', b"}}"),
}


def deep(name, levels):
    """Return a call whose argument has so many levels."""
    protocol, begin, inside, end = DEEP[name]
    before, after = AROUND.get(name, (b"", b""))
    return WRITERS[protocol](CALL, "m", 5, before + begin * levels + inside + end * levels + after)


@each_form
def test_every_byte_may_be_any_other(form):
    for kind, struct in ((CALL, "hi"), (EXCEPTION, "failure")):
        data = message(form, kind, struct, name="e:o")
        for place in range(len(data)):
            for byte in (0, 1, 0x0F, 0x16, 0x22, 0x5B, 0x5C, 0x7B, 0x7D, 0x7F, 0x80, 0x82, 0xFF, data[place] ^ 1):
                outcome(data[:place] + bytes((byte,)) + data[place + 1 :])


@each_form
def test_every_byte_may_be_missing_or_there_twice(form):
    data = message(form, REPLY, "declared")
    for place in range(len(data)):
        outcome(data[:place] + data[place + 1 :])
        outcome(data[:place] + data[place : place + 1] + data[place:])


@each_form
@given(data=st.data())
def test_any_damage_gives_messages_or_a_protocol_error(form, data):
    stream = data.draw(damaged(message(form, CALL) + message(form, CALL)))
    for codec in (CODEC, TRUSTING):
        outcome(stream, codec)


@given(st.binary(max_size=200))
def test_any_stream_gives_messages_or_a_protocol_error(data):
    outcome(data)


@pytest.mark.parametrize("protocol", WRITERS)
@given(struct=st.binary(max_size=40), kind=st.integers(0, 7))
def test_any_struct_in_a_sound_frame_gives_one_message(protocol, struct, kind):
    decoded = outcome(framed(WRITERS[protocol](kind, "m", 9, struct)))
    assert decoded.error is None
    assert len(decoded.messages) == 1


@pytest.mark.parametrize("name", DEEP)
def test_200_000_levels_are_skipped_without_recursion(name):
    data = deep(name, 200_000)
    decoded = outcome_of(CODEC, [framed(data) + data])
    assert decoded.pieces == [framed(data), data]
    assert [metadata.error for metadata in decoded.messages] == [None, None]


@pytest.mark.parametrize("name", DEEP)
def test_levels_take_no_memory(name):
    data = deep(name, 10_000)
    scanner = CODEC.framing.scanner(SERVER, CODEC.limits)
    tracemalloc.start()
    assert scanner.scan(data, 0) == len(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000


@pytest.mark.parametrize("name", ["structs", "compact lists", "arrays"])
def test_200_000_levels_are_shown_to_a_person_up_to_a_bound(name):
    (metadata,) = outcome_of(CODEC, [framed(deep(name, 200_000))]).messages
    (field,) = [span for span in CODEC.spans(metadata) if span.name == "arguments.1"]
    assert field.value.endswith("…")
    assert len(field.value) <= 1001


@pytest.mark.parametrize(
    ("protocol", "struct"), [("strict", hx("0f0001") + hx("0f00000002") * 300), ("compact", hx("19") + hx("29") * 300)]
)
def test_containers_that_all_have_more_to_come_are_bounded(protocol, struct):
    """Nothing can be forgotten of them, so this is where memory grows."""
    data = WRITERS[protocol](CALL, "m", 5, struct)
    codec = ThriftCodec(limits=Limits(max_elements=200))
    for chunks in ([data], byte_by_byte(data)):
        assert outcome_of(codec, chunks).error is LimitExceeded
    (metadata,) = outcome_of(codec, [framed(data)]).messages
    assert isinstance(metadata.error, LimitExceeded)


@pytest.mark.parametrize(
    "struct",
    [
        "0b 0001 7fffffff",
        "0b 0001 80000000",
        "0b 0001 ffffffff",
        "0f 0001 0c 7fffffff",
        "0f 0001 08 80000000",
        "0e 0001 0b ffffffff",
        "0d 0001 0c0c 7fffffff",
        "0d 0001 0802 ffffffff",
        "63 0001",
        "01 0001",
        "0f 0001 01 00000001",
        "0d 0001 080f 00000001 00000001 11 00000001",
    ],
)
def test_declared_sizes_allocate_nothing(struct):
    check_small(WRITERS["strict"](CALL, "m", 5, hx(struct)))


@pytest.mark.parametrize(
    "struct",
    [
        "18 ffffffff07",
        "18 ffffffff0f",
        "18 ffffffffffffffffff01",
        "19 fc ffffffff07",
        "19 f3 ffffffff0f",
        "1b ffffffff07 cc",
        "1b ffffffff0f 33",
        "16" + "80" * 30,
        "06" + "80" * 30,
        "18" + "ff" * 30,
        "19 f5" + "ff" * 30,
        "10",
        "1e",
        "19 1e",
        "1b 01 0f",
    ],
)
def test_declared_sizes_and_endless_integers_allocate_nothing_in_compact(struct):
    check_small(WRITERS["compact"](CALL, "m", 5, hx(struct)))


@pytest.mark.parametrize(
    "head", ["8221" + "80" * 30, "8221 00" + "ff" * 30, "8221 ffffffff0f ffffffff0f", "8221 00 ffffffff07"]
)
def test_endless_integers_before_the_struct_are_errors(head):
    check_small(hx(head))


def check_small(data):
    """A few bytes, alone or in a frame, give an error at once, or are no whole message yet."""
    tracemalloc.start()
    for stream in (data, framed(data)):
        decoded = outcome_of(CODEC, byte_by_byte(stream))
        assert decoded.error is not None or decoded.messages[0].error is not None
        outcome(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("struct", [b'{"1":{"str":"\\x"}}', b'{"1":{"str":"\\u12g4"}}', b"{\x01}", b'{"1":\xff}'])
def test_what_is_no_json_is_an_error_where_it_stands(struct):
    data = WRITERS["json"](CALL, "m", 5, struct)
    place = next(place for place in range(len(data)) if data[place] in b"\\\x01\xff")
    for chunks in ([data], byte_by_byte(data)):
        assert outcome_of(CODEC, chunks).offset == place


def test_many_keys_cost_no_more_than_their_bytes():
    data = in_header(WRITERS["strict"](CALL, "m", 5, b"\0"), information=b"\x01\x80\x80\x04" + b"\0\0" * 65_536)
    (metadata,) = outcome(data).messages
    assert metadata.properties == {"method": "m", "": ""}
    cut = in_header(WRITERS["strict"](CALL, "m", 5, b"\0"), information=run({}) + b"\x01\xff\xff\xff\xff\x07")
    (metadata,) = outcome(cut).messages
    assert isinstance(metadata.error, LimitExceeded)


@pytest.mark.parametrize(
    ("protocol", "struct"),
    [
        ("strict", "01 0001 00"),
        ("strict", "63 0001 00"),
        ("compact", "10 00"),
        ("compact", "1e 00"),
        ("compact", "02" * 99),
    ],
)
@pytest.mark.parametrize("kind", [CALL, REPLY, EXCEPTION])
@pytest.mark.parametrize("codec", [CODEC, TRUSTING], ids=["safe", "trusting"])
def test_fields_of_a_type_that_is_none_are_errors_wherever_they_are_read(protocol, struct, kind, codec):
    outcome(framed(WRITERS[protocol](kind, "m", 5, hx(struct))), codec)


@pytest.mark.parametrize(
    "struct",
    [
        b'{}null[1,"hidden",4,8,{}]',
        b'{"1":{"lst":["i32",0null}}',
        b'{"1":{"lst":["i32",1,-null}}',
        b'{"1":{"map":["str","i32",0,{null]}}',
        b'{"1":{"str":"x"null}',
        b'{"1":{"dbl":Infinitely}}',
    ],
)
def test_a_null_that_go_takes_for_a_closing_bracket_is_an_error(struct):
    """Behind it, Go's server reads the next call, in what seems to be the same message."""
    data = WRITERS["json"](CALL, "m", 5, struct)
    place = next(place for place in range(len(data)) if data[place : place + 4] in (b"null", b"Infi"))
    for chunks in ([data], byte_by_byte(data)):
        result = outcome_of(CODEC, chunks)
        assert (result.error, result.offset) == (FramingError, place)
    assert outcome(framed(data)).messages[0].error is not None


@pytest.mark.parametrize("value", [b"null", b" null", b"nan", b"-inf", b"NaN", b"-Infinity", b"true", b"1.5e-7"])
def test_a_word_where_a_value_can_begin_is_one(value):
    """Node.js writes null for a text that is absent, and Python nan."""
    data = WRITERS["json"](CALL, "m", 5, b'{"1":{"lst":["dbl",2,%b,%b]}}' % (value, value))
    for chunks in ([data], byte_by_byte(data), [framed(data)]):
        result = outcome_of(CODEC, chunks)
        assert (len(result.messages), result.messages[0].error, result.error) == (1, None, None)
