"""Declarations that construct itself would read otherwise, or never build: a Layout agrees with it or refuses them."""

import enum

import construct
import pytest
from construct import Bytes, Const, Enum, FlagsEnum, Int8ub, Int16sb, Int16ub, Int16ul, Padding, Struct

from metaprotocol_sdk import DecodeError, EncodeError, Layout


@pytest.mark.parametrize(
    ("field", "name"),
    [
        pytest.param("small" / Const(256, Int8ub), "small", id="number too large"),
        pytest.param("negative" / Const(-1, Int16ub), "negative", id="negative number"),
        pytest.param("short" / Const(b"A", Bytes(2)), "short", id="too few bytes"),
        pytest.param("long" / Const(b"ABC", Bytes(2)), "long", id="too many bytes"),
        pytest.param("text" / Const(b"A", Int8ub), "text", id="bytes in a number"),
        pytest.param("number" / Const(1, Bytes(1)), "number", id="a number in bytes"),
    ],
)
def test_a_constant_that_its_field_cannot_hold_is_refused_by_name(field: construct.Construct, name: str) -> None:
    """construct neither builds nor parses any of these."""
    with pytest.raises(TypeError, match=repr(name)):
        Layout(Struct("before" / Int8ub, field))


def test_padding_of_anything_but_zeros_is_refused() -> None:
    """construct would write the pattern."""
    with pytest.raises(TypeError, match="pattern"):
        Layout(Struct("a" / Int8ub, Padding(2, pattern=b"\xff")))


def test_padding_takes_no_name_that_a_field_has() -> None:
    layout = Layout(Struct("padding1" / Int8ub, Padding(1), "padding2" / Int8ub))
    assert layout.parse(b"\x01\x00\x02") == {"padding1": 1, "padding2": 2}


def test_padding_may_have_a_name_and_never_has_a_value() -> None:
    layout = Layout(Struct("a" / Int8ub, "reserved" / Padding(2)))
    assert layout.parse(b"\x07\xff\xff") == {"a": 7}
    assert [span.name for span in layout.spans(b"\x07\xff\xff")] == ["a", "reserved"]
    with pytest.raises(EncodeError, match="'reserved'"):
        layout.build(a=7, reserved=0)


def test_names_may_come_from_an_enum_class() -> None:
    class Kind(enum.IntEnum):
        CALL = 1

    class Bits(enum.IntFlag):
        LOUD = 4

    layout = Layout(Struct("kind" / Enum(Int8ub, Kind), "bits" / FlagsEnum(Int8ub, Bits)))
    assert [span.meaning for span in layout.spans(b"\x01\x06")] == ["CALL", "LOUD"]
    assert layout.build(kind=Kind.CALL, bits=Bits.LOUD) == b"\x01\x04"


def test_a_value_without_a_name_is_kept_as_its_number() -> None:
    layout = Layout(Struct("kind" / Enum(Int8ub, call=1), "bits" / FlagsEnum(Int8ub, loud=4)))
    assert layout.parse(b"\x09\x83") == {"kind": 9, "bits": 0x83}
    assert [(span.value, span.meaning) for span in layout.spans(b"\x09\x83")] == [("9", ""), ("131", "")]


def test_a_flag_of_several_bits_is_set_when_all_of_them_are() -> None:
    declaration = Struct("bits" / FlagsEnum(Int8ub, both=3, low=1))
    layout = Layout(declaration)
    for value, meaning in ((1, "low"), (2, ""), (3, "both low")):
        assert layout.spans(bytes([value]))[0].meaning == meaning
        parsed = declaration.parse(bytes([value])).bits
        assert [name for name in ("both", "low") if parsed[name]] == meaning.split()


def test_the_struct_itself_may_have_a_name() -> None:
    layout = Layout("header" / Struct("a" / Int8ub))
    assert layout.parse(b"\x07") == {"a": 7}


def test_little_endian_numbers_are_read_as_such() -> None:
    layout = Layout(Struct("a" / Int8ub, "b" / Int16ul))
    assert (layout.byte_order, layout.unpack(b"\x01\x02\x03")) == ("little", (1, 0x0302))


@pytest.mark.parametrize("value", [-32768, -1, 32767])
def test_signed_numbers_keep_their_sign(value: int) -> None:
    layout = Layout(Struct("a" / Int16sb))
    assert layout.unpack(layout.build(a=value)) == (value,)
    assert layout.spans(layout.build(a=value))[0].value == str(value)


@pytest.mark.parametrize("value", [-32769, 32768, 1.0, None, b"ab"])
def test_a_signed_field_refuses_what_it_cannot_hold(value: object) -> None:
    with pytest.raises(EncodeError, match="the field a "):
        Layout(Struct("a" / Int16sb)).build(a=value)


@pytest.mark.parametrize("value", [b"", b"a", b"abc", "ab", bytearray(b"ab"), 2])
def test_a_field_of_bytes_takes_bytes_of_its_size(value: object) -> None:
    with pytest.raises(EncodeError, match="the field a takes 2 bytes, not "):
        Layout(Struct("a" / Bytes(2))).build(a=value)


def test_values_may_be_a_mapping_or_keywords_or_both() -> None:
    layout = Layout(Struct("a" / Int8ub, "values" / Int8ub))
    assert layout.build({"a": 1, "values": 2}) == layout.build({"a": 1}, values=2) == layout.build(a=1, values=2)


def test_every_missing_constant_is_written_and_every_missing_value_is_named() -> None:
    layout = Layout(Struct("magic" / Const(b"AB"), "version" / Const(3, Int8ub), "id" / Int8ub))
    assert layout.build(id=9) == b"AB\x03\x09"
    assert layout.build(layout.parse(b"AB\x03\x09")) == b"AB\x03\x09"
    with pytest.raises(EncodeError, match="the field id has no value"):
        layout.build()


def test_all_constants_are_checked_and_the_first_wrong_one_is_named() -> None:
    layout = Layout(Struct("magic" / Const(b"AB"), "id" / Int8ub, "end" / Const(0x0D0A, Int16ub)))
    assert layout.unpack(b"AB\x01\r\n") == (1,)
    with pytest.raises(DecodeError, match="the field end holds 0d0d, not 0d0a") as caught:
        layout.unpack(b"AB\x01\r\r")
    assert (caught.value.offset, caught.value.field) == (3, "end")
    with pytest.raises(DecodeError, match="the field magic"):
        layout.unpack(b"BB\x01\r\r")


def test_a_header_that_is_cut_off_is_short_even_where_a_constant_is_wrong() -> None:
    """The message ends in the field `id`, which is what a person must know."""
    layout = Layout(Struct("magic" / Const(b"AB"), "id" / Int16ub))
    for message in (b"", b"A", b"X", b"AB", b"XX\x00"):
        with pytest.raises(DecodeError, match="less than its 4-byte header") as caught:
            layout.unpack(message)
        assert caught.value.offset == len(message)
    assert caught.value.field == "id"


def test_a_header_of_constants_alone_is_checked_and_has_no_values() -> None:
    layout = Layout(Struct("magic" / Const(b"AB")))
    assert (layout.unpack(b"ABC"), layout.variables) == ((), ())
    with pytest.raises(DecodeError, match="less than its 2-byte header"):
        layout.unpack(b"A")
