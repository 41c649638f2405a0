"""Building and skipping agree: on where a value ends, on what it numbers, and on what is no value."""

import random
from itertools import product

from hessian2_values import UNBOUNDED
from hypothesis import example, given
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import Reader, ReferenceTables, skip_values
from metaprotocol_sdk import ProtocolError

_Outcome = tuple[int, int, int, list[int]] | None


def _skip(data: bytes, count: int) -> _Outcome:
    """Return where the values end, and the references, types and fields of each class; None if they are refused."""
    tables = ReferenceTables()
    try:
        end = skip_values(data, 0, count, tables)
    except ProtocolError:
        return None
    return end, tables.references, tables.types, tables.field_counts


def _read(data: bytes, count: int) -> _Outcome:
    """Return the same as `_skip`."""
    reader = Reader(data, 0, UNBOUNDED)
    try:
        for _ in range(count):
            reader.read()
    except ProtocolError:
        return None
    fields = [len(names) for _, names in reader._classes]
    return reader.position, len(reader._references), len(reader._types), fields


class _Wire:
    """Draws values in every form that the format has, not only in those that our writer chooses."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.references = 0
        self.types = 0
        self.field_counts: list[int] = []

    def pick(self, *choices: str) -> bytes:
        return bytes.fromhex(self.draw(st.sampled_from(choices)))

    def small(self, most: int = 3) -> int:
        return self.draw(st.integers(0, most))

    def integer(self, value: int) -> bytes:
        forms = [b"I" + value.to_bytes(4, signed=True), bytes((0xD4, value >> 8, value & 0xFF)), bytes((0xC8, value))]
        if value < 48:
            forms.append(bytes((0x90 + value,)))
        return self.draw(st.sampled_from(forms))

    def text(self) -> bytes:
        chunks = b"".join(b"R" + self.pick("0000", "000161", "0002c3a961", "0001eda0bd") for _ in range(self.small(2)))
        return chunks + self.pick("00", "0161", "01e4b896", "02eda0bdedb880", "01f09f9880", "300161", "530001c3a9")

    def binary(self) -> bytes:
        chunks = b"".join(b"A" + self.pick("0000", "000141") for _ in range(self.small(2)))
        return chunks + self.pick("20", "2153", "340142", "42000141")

    def number(self) -> bytes:
        return self.pick(
            *("90", "c830", "d40800", "4900040000", "e0", "f810", "3c0800", "5900040000", "4c0000000080000000"),
            *("5b", "5c", "5dff", "5e8000", "5f000005dc", "44400921f9f01b866e", "4a000000d04b9284b8", "4b00e3838f"),
            *("4e", "54", "46"),
        )

    def type(self) -> bytes:
        if self.types and self.draw(st.booleans()):
            return self.integer(self.small(self.types - 1))
        self.types += 1
        return self.text()

    def values(self, count: int, depth: int) -> bytes:
        return b"".join(self.value(depth) for _ in range(count))

    def value(self, depth: int) -> bytes:
        kind = self.draw(st.sampled_from(["number", "text", "binary", "reference", "list", "map", "object"]))
        if kind in ("number", "text", "binary"):
            return getattr(self, kind)()
        if kind == "reference" and self.references:
            return b"Q" + self.integer(self.small(self.references - 1))
        if kind == "reference" or not depth:
            return b"N"
        return getattr(self, f"_{kind}")(depth - 1)

    def _list(self, depth: int) -> bytes:
        self.references += 1
        size = self.small()
        form = self.draw(st.sampled_from("UVWXtu"))
        kind = self.type() if form in "UVt" else b""
        if form in "tu":
            return bytes((0x70 + size + 8 * (form == "u"),)) + kind + self.values(size, depth)
        if form in "UW":
            return form.encode() + kind + self.values(size, depth) + b"Z"
        return form.encode() + kind + self.integer(size) + self.values(size, depth)

    def _map(self, depth: int) -> bytes:
        self.references += 1
        head = b"M" + self.type() if self.draw(st.booleans()) else b"H"
        return head + self.values(2 * self.small(), depth) + b"Z"

    def _object(self, depth: int) -> bytes:
        definitions = b""
        while not self.field_counts or not self.small():
            fields = self.small()
            definitions += b"C" + self.text() + self.integer(fields) + b"".join(self.text() for _ in range(fields))
            self.field_counts.append(fields)
        number = self.small(len(self.field_counts) - 1)
        self.references += 1
        head = b"O" + self.integer(number) if number > 15 or self.draw(st.booleans()) else bytes((0x60 + number,))
        return definitions + head + self.values(self.field_counts[number], depth)


@st.composite
def wire_values(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return some values in bytes, and how many they are."""
    count = draw(st.integers(1, 3))
    return _Wire(draw).values(count, 4), count


@st.composite
def damaged_values(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return values of which some bytes are changed, missing or too many."""
    data, count = draw(wire_values())
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 3)))
        data = data[:start] + draw(st.binary(max_size=3)) + data[end:]
    return data, count


@given(wire_values())
def test_values_in_every_form_end_where_they_are_skipped_to(values: tuple[bytes, int]) -> None:
    data, count = values
    outcome = _read(data, count)
    assert outcome is not None
    assert outcome[0] == len(data)
    assert outcome == _skip(data, count)


@given(damaged_values())
@example((bytes.fromhex("5743016190"), 1))  # a list that ends behind a class definition
@example((bytes.fromhex("57430161905a"), 1))
@example((bytes.fromhex("4801615a"), 1))  # a map that ends behind a key
@example((bytes.fromhex("434e90 60"), 1))  # a class whose name is null
@example((bytes.fromhex("704e"), 1))  # a type that is null
@example((bytes.fromhex("5197"), 1))  # a reference before there is anything
def test_damaged_values_are_read_or_refused_alike(values: tuple[bytes, int]) -> None:
    assert _read(*values) == _skip(*values)


@given(st.binary(max_size=40), st.integers(1, 3))
def test_bytes_without_meaning_are_read_or_refused_alike(data: bytes, count: int) -> None:
    assert _read(data, count) == _skip(data, count)


def test_every_input_of_up_to_two_bytes_is_read_or_refused_alike() -> None:
    for data in map(bytes, (*product(range(256), repeat=0), *product(range(256)), *product(range(256), repeat=2))):
        assert _read(data, 1) == _skip(data, 1), data.hex()


def test_inputs_of_type_codes_that_open_something_are_read_or_refused_alike() -> None:
    codes = bytes.fromhex("00 01 20 41 42 43 48 4d 4e 4f 51 52 53 55 56 57 58 5a 60 70 71 78 79 90 91 e0 ff")
    generator = random.Random(1)
    for _ in range(20_000):
        data = bytes(generator.choices(codes, k=generator.randrange(3, 12)))
        assert _read(data, 1) == _skip(data, 1), data.hex()
