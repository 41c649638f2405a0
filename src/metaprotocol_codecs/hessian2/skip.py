"""Finds the end of Hessian 2.0 values without building them.

Skipping is counting: a loop knows how many values are still to come, and a container adds its own to that number.
Only what ends with a mark instead of a count needs a stack. There is no recursion, nothing is allocated by a
declared size, and since every value takes at least one byte, time and memory are bounded by the bytes.

Runs of simple values are skipped with one call of the regular expression engine. A simple value holds no other and is
short: a number, a date, a boolean, null, a string of up to 63 ASCII characters, a binary of up to 15 bytes. Possessive
quantifiers keep the engine from going back, so a run that is not simple costs no more than a look at its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from metaprotocol_codecs.hessian2.strings import (
    raise_cut_off,
    read_integer,
    read_string,
    skip_string,
    skip_wide_characters,
    string_chunk,
)
from metaprotocol_sdk import DecodeError

CLASS_DEFINITION = 0x43

Run = Callable[[bytes, int], re.Match[bytes] | None]
"""Given data and where the values begin, returns a match that ends after them, or None if they are not all simple."""

LONGEST_RUN = 64
"""The most values that one pattern skips; there is a pattern for each number up to it, and no more of them."""

LIST_RUN = 16
"""The number of elements of a list that are skipped together."""


# A pattern for each size: the engine passes by those that begin with another byte faster than it looks ahead.
_SHORT = b"|".join(rb"\x%02x[\x00-\x7f]{%d}" % (size, size) for size in range(32))
_LONGER = b"|".join(rb"\x%02x[\x00-\x7f]{%d}" % (size, size) for size in range(32, 64))
_STRING = rb"%s|\x30(?:%s)" % (_SHORT, _LONGER)
_BINARY = b"|".join(rb"\x%02x.{%d}" % (0x20 + size, size) for size in range(16))
_NUMBER = b"|".join(
    (
        rb"[\x80-\xbf\xd8-\xefNTF\x5b\x5c]",  # int and long of 1 byte, null, true, false, 0.0, 1.0
        rb"[LD].{8}",  # long, double
        rb"[IY\x5f].{4}",  # int, long of 4 bytes, double in thousandths
        rb"[\xc0-\xcf\xf0-\xff\x5d].",  # int, long and double of 2 bytes
        rb"[\xd0-\xd7\x38-\x3f\x5e]..",  # int, long and double of 3 bytes
    )
)
# Dates go with the numbers of their size: the engine looks at one branch after the other, and most values are strings.
_VALUE = b"|".join((_NUMBER.replace(b"[LD]", b"[LDJ]").replace(b"[IY", b"[IYK"), _STRING, _BINARY))


@cache
def simple_values(count: int) -> Run:
    """Return what skips so many simple values.

    Args:
        count: 0 to `LONGEST_RUN`; the caller sees to that, because what is returned is kept for ever.
    """
    # One look at the first byte of a container is faster than one for each kind of value.
    first = rb"(?![CHMOQUVWX\x60-\x7f])" if count else b""
    return re.compile(b"%s(?:%s){%d}+" % (first, _VALUE, count), re.DOTALL).match


@cache
def numbers(count: int) -> Run:
    """Return what skips so many numbers, booleans and nulls; see `simple_values`."""
    return re.compile(b"(?:%s){%d}+" % (_NUMBER, count), re.DOTALL).match


@cache
def short_strings(count: int) -> Run:
    """Return what skips so many strings of up to 63 ASCII characters; see `simple_values`."""
    return re.compile(b"(?:%s){%d}+" % (_STRING, count), re.DOTALL).match


def skip_simple_values(data: bytes, position: int, count: int) -> int:
    """Return the position after so many values; -1 if they are not all simple, or more than `LONGEST_RUN`."""
    match = simple_values(count)(data, position) if count <= LONGEST_RUN else None
    return -1 if match is None else match.end()


class ReferenceTables:
    """The values and types that a message has numbered so far, to which later values can refer.

    References count every list, map and object, in the order in which they begin.
    """

    __slots__ = (
        "beyond_java",
        "definitions",
        "field_counts",
        "first",
        "highest_reference",
        "highest_type",
        "references",
        "types",
    )

    def __init__(self) -> None:
        self.field_counts: list[int] = []
        """The number of fields of each class definition."""
        self.types = 0
        """The number of type names."""
        self.references = 0
        """The number of values that can be referred to."""
        self.highest_type = -1
        """The highest number of a type name that was referred to."""
        self.highest_reference = -1
        """The highest number of a value that was referred to."""
        self.beyond_java = False
        """True if a string has a character of four bytes, which ends Java's reading of the value around it."""
        self.first = 0
        """The beginning of the first value that was skipped last, after the class definitions before it."""
        self.definitions: list[tuple[int, int]] | None = None
        """The beginning and end of each class definition, if a list is put here."""


def _widths() -> bytes:
    """The size of every value whose type code tells it, by type code; 0 for the others."""
    widths = bytearray(256)
    for tag in b"NTF\x5b\x5c\x00":  # null, true, false, 0.0, 1.0, ""
        widths[tag] = 1
    for first, last, width in (
        (0x38, 0x3F, 3),  # long of 3 bytes
        (0x80, 0xBF, 1),  # int of 1 byte
        (0xC0, 0xCF, 2),  # int of 2 bytes
        (0xD0, 0xD7, 3),  # int of 3 bytes
        (0xD8, 0xEF, 1),  # long of 1 byte
        (0xF0, 0xFF, 2),  # long of 2 bytes
        (0x5D, 0x5D, 2),  # double of 1 byte
        (0x5E, 0x5E, 3),  # double of 2 bytes
        (0x5F, 0x5F, 5),  # double in thousandths
        (0x49, 0x49, 5),  # int
        (0x59, 0x59, 5),  # long of 4 bytes
        (0x4B, 0x4B, 5),  # date in minutes
        (0x44, 0x44, 9),  # double
        (0x4A, 0x4A, 9),  # date in milliseconds
        (0x4C, 0x4C, 9),  # long
    ):
        widths[first : last + 1] = bytes((width,)) * (last + 1 - first)
    for size in range(16):
        widths[0x20 + size] = 1 + size  # binary of up to 15 bytes
    return bytes(widths)


_WIDTHS = _widths()
_LEADS_OF_FOUR = bytes(range(0xF0, 0xF8))

# Chunks of a binary of 8,189 bytes: in these, Java's writers write a long one.
_skip_full_chunks = re.compile(rb"(?:\x41\x1f\xfd.{8189})++", re.DOTALL).match


def skip_values(data: bytes, position: int, count: int, tables: ReferenceTables, stop_at: int = -1) -> int:
    """Return the position after `count` values.

    Args:
        data: A message.
        position: Where the first value begins.
        count: How many there are.
        tables: What was numbered before; brought up to date.
        stop_at: Stop at the value that has this number among the references, and return where it begins.

    Raises:
        DecodeError: The bytes are not values, refer to what is not there, or end too early.
    """
    start = first = position
    pending = count
    field_counts, references = tables.field_counts, tables.references
    widths = _WIDTHS
    # What skips the fields of an object, by its first byte; None once an object had others than simple values.
    runs: dict[int, Run | None] = {}
    # What is pending around an open-ended container, doubled, and odd for a map.
    stack: list[int] = []
    try:
        while True:
            if not pending:
                if not stack:
                    break
                if data[position] == 0x5A:
                    position += 1
                    pending = stack.pop() >> 1
                    continue
                # One more element, or a key and its value: an end mark counts only where a key could stand.
                pending = 1 + (stack[-1] & 1)
            start = position
            tag = data[position]
            pending -= 1
            # Ordered by frequency in recorded traffic: numbers and short text first, containers last.
            width = widths[tag]
            if width:
                position += width
                continue
            if tag < 0x20:
                # ASCII has a byte a character, so the length is the size; checking that runs in C.
                end = position + 1 + tag
                if data[position + 1 : end].isascii():
                    position = end
                else:
                    position, known = skip_wide_characters(data, position + 1, tag)
                    if not known:
                        tables.beyond_java = True
                continue
            if tag < 0x34 or tag in (0x52, 0x53):
                position = _skip_long_string(data, position, tables)
                continue
            if tag < 0x38 or tag in (0x41, 0x42):
                position = _skip_binary(data, position)
                continue
            if tag == 0x43:
                # A definition is not a value: the one that it stands before is still to come.
                position = skip_class_definition(data, position, field_counts)
                pending += 1
                # Most have no byte that begins a character of four; lengths may have one.
                if len(data[start:position].translate(None, _LEADS_OF_FOUR)) != position - start:
                    tables.beyond_java |= not _java_reads_definition(data, start)
                if start == first:
                    first = position
                if tables.definitions is not None:
                    tables.definitions.append((start, position))
                continue
            if tag == 0x51:
                index, position = read_integer(data, position + 1)
                if not 0 <= index < references:
                    raise DecodeError(
                        f"a value refers back to number {index}, and {references} came before it", offset=start
                    )
                tables.highest_reference = max(tables.highest_reference, index)
                continue
            # What is left are containers, which can be referred to.
            if references == stop_at:
                break
            # Counted before what is inside, as Java does: a map that holds itself refers to its own number.
            references += 1
            if 0x60 <= tag < 0x70:
                position += 1
                # A list of a thousand objects of one class is the usual large argument, and the fields of one are
                # mostly simple if those of the first were: skip them with one call of the engine, until that fails.
                fields = _fields(field_counts, tag - 0x60, start)
                if tag not in runs:
                    runs[tag] = simple_values(fields) if fields <= LONGEST_RUN else None
                run = runs[tag]
                match = None if run is None else run(data, position)
                if match is None:
                    runs[tag] = None
                    pending += fields
                else:
                    position = match.end()
            elif tag >= 0x78:  # to 0x7f: list of up to 7 values
                pending += tag - 0x78
                position += 1
            elif tag >= 0x70:  # the same with a type
                position = read_type_end(data, position + 1, tables)
                pending += tag - 0x70
            elif tag in (0x56, 0x58):  # list of a fixed length, with and without a type
                position = position + 1 if tag == 0x58 else read_type_end(data, position + 1, tables)
                length, position = read_integer(data, position)
                if length < 0:
                    raise DecodeError(f"a list has the length {length}", offset=start)
                # The length is the sender's word. It only counts down: nothing is allocated by it, and the data ends
                # first where it lies.
                while length >= LIST_RUN and (end := skip_simple_values(data, position, LIST_RUN)) >= 0:
                    position = end
                    length -= LIST_RUN
                pending += length
            elif tag in (0x55, 0x57):  # list up to a mark
                position = position + 1 if tag == 0x57 else read_type_end(data, position + 1, tables)
                # An int, not a tuple or a recursive call: hostile nesting costs some bytes a level and no Python frame.
                stack.append(pending << 1)
                pending = 0
            elif tag in (0x48, 0x4D):  # map up to a mark
                position = position + 1 if tag == 0x48 else read_type_end(data, position + 1, tables)
                stack.append(pending << 1 | 1)
                pending = 0
            elif tag == 0x4F:
                index, position = read_integer(data, position + 1)
                pending += _fields(field_counts, index, start)
            else:
                raise DecodeError(f"no value has the type code {tag:02x}", offset=position)
    except IndexError:
        raise_cut_off(data, start, "value")
    # The fast ways above add widths without a look at the end; only the last value can pass it.
    if position > len(data):
        raise_cut_off(data, start, "value")
    tables.references = references
    tables.first = first
    return position


def read_class_name(data: bytes, position: int) -> str | None:
    """Return the class of the object or the type of the map that begins here; None if it names none.

    Only for the first value of a message: no class is known from before.

    Args:
        data: A message.
        position: Where the value begins.

    Raises:
        DecodeError: The name cannot be read.
    """
    names: list[str | None] = []
    counts: list[int] = []
    try:
        while data[position] == 0x43:
            names.append(read_string(data, position + 1)[0])
            position = skip_class_definition(data, position, counts)
        tag = data[position]
        if 0x60 <= tag < 0x70:
            return names[tag - 0x60]
        if tag == 0x4F:
            return names[read_integer(data, position + 1)[0]]
        if tag == 0x4D and data[position + 1] < 0x80:
            return read_string(data, position + 1)[0]
    except IndexError:
        pass
    return None


def _fields(field_counts: list[int], index: int, start: int) -> int:
    if not 0 <= index < len(field_counts):
        raise DecodeError(
            f"an object is of class number {index}, and {len(field_counts)} are defined before it", offset=start
        )
    return field_counts[index]


def skip_class_definition(data: bytes, position: int, field_counts: list[int]) -> int:
    """Return the position after the class definition that begins here, and add its number of fields to the table."""
    start = position
    position = skip_string(data, position + 1)
    count, position = read_integer(data, position)
    if count < 0:
        raise DecodeError(f"a class has {count} fields", offset=start)
    match = short_strings(count)(data, position) if count <= LONGEST_RUN else None
    if match is None:
        for _ in range(count):
            position = skip_string(data, position)
    else:
        position = match.end()
    field_counts.append(count)
    return position


def read_type_end(data: bytes, position: int, tables: ReferenceTables) -> int:
    """Skip a container's type: a name, or the number of one that came before."""
    tag = data[position]
    if tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53):
        tables.types += 1
        return _skip_long_string(data, position, tables)
    index, end = read_integer(data, position)
    if not 0 <= index < tables.types:
        raise DecodeError(f"a type refers back to number {index}, and {tables.types} came before it", offset=position)
    tables.highest_type = max(tables.highest_type, index)
    return end


def _skip_long_string(data: bytes, position: int, tables: ReferenceTables) -> int:
    """Skip a string of more than 31 characters, or one in chunks."""
    final = False
    while not final:
        body, count, final = string_chunk(data, position)
        position = body + count
        if not data[body:position].isascii():
            position, known = skip_wide_characters(data, body, count)
            if not known:
                tables.beyond_java = True
    return position  # the caller sees if it is after the end


def _java_reads_definition(data: bytes, start: int) -> bool:
    """Return True if Java knows the characters of a class definition's names."""
    tables = ReferenceTables()
    position = _skip_long_string(data, start + 1, tables)
    count, position = read_integer(data, position)
    for _ in range(count):
        position = _skip_long_string(data, position, tables)
    return not tables.beyond_java


def _skip_binary(data: bytes, position: int) -> int:
    match = _skip_full_chunks(data, position)
    if match is not None:
        position = match.end()
    while True:
        tag = data[position]
        if 0x20 <= tag <= 0x2F:
            return position + 1 + tag - 0x20
        if 0x34 <= tag <= 0x37:
            return position + 2 + (tag - 0x34 << 8 | data[position + 1])
        if tag not in (0x41, 0x42):
            raise DecodeError(f"a binary was expected, not the type code {tag:02x}", offset=position)
        position += 3 + (data[position + 1] << 8 | data[position + 2])
        if tag == 0x42:
            return position
