"""A Layout reads and writes what construct would, and refuses by name what it cannot compile."""

import construct
import pytest
from construct import Bytes, Const, Enum, FlagsEnum, Hex, Int8ub, Int16ub, Int24ub, Int32ub, Padding, Struct, this
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_sdk import DecodeError, EncodeError, Layout

INTEGERS = {
    (size, sign, order): getattr(construct, f"Int{8 * size}{sign}{order}")
    for size in (1, 2, 4, 8)
    for sign in "us"
    for order in "bl"
}


@st.composite
def declarations(draw: st.DrawFn) -> tuple[construct.Struct, dict[str, int | bytes]]:
    """A header of random fields of one byte order, and a value for each field that has one."""
    order = draw(st.sampled_from("bl"))
    fields: list[construct.Construct] = []
    values: dict[str, int | bytes] = {}
    for number in range(draw(st.integers(1, 8))):
        name = f"field{number}"
        kind = draw(st.sampled_from(["integer", "bytes", "padding", "constant", "magic", "enum", "flags", "hex"]))
        size = draw(st.sampled_from([1, 2, 4, 8]))
        sign = draw(st.sampled_from("us"))
        low, high = (0, 2 ** (8 * size) - 1) if sign == "u" else (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1)
        value = draw(st.integers(low, high))
        integer = INTEGERS[size, sign, order]
        if kind == "bytes":
            values[name] = draw(st.binary(min_size=size, max_size=size))
            fields.append(name / Bytes(size))
        elif kind == "padding":
            fields.append(Padding(size))
        elif kind == "constant":
            fields.append(name / Const(value, integer))
        elif kind == "magic":
            fields.append(name / Const(draw(st.binary(min_size=1, max_size=4))))
        elif kind == "flags":
            values[name] = draw(st.integers(0, 255))
            fields.append(name / FlagsEnum(Int8ub, one=1, four=4))
        else:
            values[name] = value
            wrap = {"integer": lambda field: field, "enum": lambda field: Enum(field, zero=0, one=1), "hex": Hex}[kind]
            fields.append(name / wrap(integer))
    return Struct(*fields), values


def plain(parsed: construct.Container) -> dict[str, int | bytes]:
    """The result of construct, without its wrappers and notes."""
    values: dict[str, int | bytes] = {}
    for name, value in parsed.items():
        if name.startswith("_"):
            continue
        if isinstance(value, construct.Container):  # flags, of which only those with a name are kept
            values[name] = sum(mask for flag, mask in (("one", 1), ("four", 4)) if value[flag])
        else:
            values[name] = value if isinstance(value, bytes) else int(value)
    return values


def named_flags(values: dict[str, int | bytes], layout: Layout) -> dict[str, int | bytes]:
    flags = {field.name: sum(field.flags) for field in layout.fields if field.flags}
    return {name: value & flags[name] if name in flags else value for name, value in values.items()}


@given(declarations(), st.binary(max_size=8))
def test_it_parses_as_construct_does(declared: tuple[construct.Struct, dict[str, int | bytes]], behind: bytes) -> None:
    declaration, values = declared
    layout = Layout(declaration)
    header = layout.build(values)
    assert len(header) == layout.size == declaration.sizeof()
    assert named_flags(layout.parse(header + behind), layout) == plain(declaration.parse(header))


@given(declarations())
def test_it_builds_as_construct_does(declared: tuple[construct.Struct, dict[str, int | bytes]]) -> None:
    declaration, values = declared
    assert Layout(declaration).build(values) == declaration.build(values)


@given(declarations())
def test_unpack_gives_the_values_of_the_variables_in_their_order(
    declared: tuple[construct.Struct, dict[str, int | bytes]],
) -> None:
    declaration, values = declared
    layout = Layout(declaration)
    assert [field.name for field in layout.variables] == list(values)
    assert layout.unpack(layout.build(values)) == tuple(values.values())


@given(declarations(), st.data())
def test_a_message_shorter_than_the_header_is_refused_and_its_spans_end_with_it(
    declared: tuple[construct.Struct, dict[str, int | bytes]], data: st.DataObject
) -> None:
    declaration, values = declared
    layout = Layout(declaration)
    short = layout.build(values)[: data.draw(st.integers(0, layout.size - 1))]
    with pytest.raises(
        DecodeError, match=f"{len(short)} bytes long, which is less than its {layout.size}-byte"
    ) as caught:
        layout.unpack(short)
    assert caught.value.offset == len(short)
    spans = layout.spans(short)
    assert (spans[-1].end if spans else 0) == len(short)


HEADER = Layout(
    Struct(
        "magic" / Const(b"PC"),
        "type" / Enum(Int8ub, request=0, response=1),
        "flags" / FlagsEnum(Int8ub, compressed=1, oneway=2),
        "id" / Int32ub * "repeated by the response",
        Padding(2),
    )
)
MESSAGE = bytes.fromhex("5043 01 03 0000002a 0000")


def test_spans_say_what_values_stand_for() -> None:
    shown = [(span.start, span.end, span.name, span.value, span.meaning) for span in HEADER.spans(MESSAGE)]
    assert shown == [
        (0, 2, "magic", "", ""),
        (2, 3, "type", "1", "response"),
        (3, 4, "flags", "3", "compressed oneway"),
        (4, 8, "id", "42", ""),
        (8, 10, "padding4", "", ""),
    ]


def test_fields_carry_what_their_declaration_says() -> None:
    field = next(field for field in HEADER.fields if field.name == "id")
    assert (field.offset, field.size, field.doc) == (4, 4, "repeated by the response")
    assert HEADER.byte_order == "big"


def test_a_wrong_constant_is_refused_with_its_place() -> None:
    with pytest.raises(DecodeError, match="the field magic holds 5044, not 5043") as caught:
        HEADER.unpack(b"PD" + MESSAGE[2:])
    assert (caught.value.offset, caught.value.field) == (0, "magic")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": 256}, "the field type takes a whole number from 0 to 255, not 256"),
        ({"type": -1}, "the field type takes"),
        ({"type": "request"}, "the field type takes"),
        ({"id": 2**32}, "the field id takes"),
        ({"magic": b"XX"}, "the field magic is always b'PC', not b'XX'"),
        ({"colour": 1}, "there is no field 'colour'"),
        ({"type": None}, "the field type has no value"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(EncodeError, match=sentence):
        HEADER.build({"type": 0, "flags": 0, "id": 1, **values})


@pytest.mark.parametrize(
    ("declaration", "sentence"),
    [
        (Struct("size" / Int24ub), "'size' of the Layout is a BytesInteger of 3 bytes"),
        (Struct("a" / Int16ub, "b" / construct.Int16ul), "'a' is big endian and 'b' little endian"),
        (Struct("a" / construct.Int32un), "'a' of the Layout has the byte order of the machine"),
        (Struct("a" / construct.GreedyBytes), "GreedyBytes"),
        (Struct("n" / Int8ub, "data" / Bytes(this.n)), "'data' of the Layout is Bytes of a length that is not"),
        (Struct("n" / construct.VarInt), "VarInt"),
        (Struct("x" / construct.Float32b), "FormatField\\('>f'\\), which is not an integer"),
        (Struct("on" / construct.Flag), "Flag"),
        (Struct(Int8ub), "field number 1 of the Layout has no name"),
        (Struct("a" / Int8ub, "a" / Int8ub), "two fields named 'a'"),
        (Struct("inner" / Struct("a" / Int8ub)), "'inner' of the Layout is a construct.Struct"),
        (Struct(), "at least one field"),
        (Int8ub, "takes a construct.Struct, not"),
        (b"AR", "takes a construct.Struct, not"),
    ],
)
def test_what_cannot_be_compiled_is_refused_by_name(declaration: object, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        Layout(declaration)


def test_a_byte_order_is_not_needed_where_every_field_is_one_byte() -> None:
    assert Layout(Struct("a" / Int8ub, "b" / construct.Int8ul)).unpack(b"\1\2") == (1, 2)
