"""Bytes that mean to exhaust a reader: deep, declared huge, or made to be looked at again and again."""

from contextlib import suppress

import pytest
from work import lines_run

from metaprotocol_codecs import hessian2
from metaprotocol_codecs.hessian2 import ReferenceTables, skip_values
from metaprotocol_sdk import DecodeError

hx = bytes.fromhex
DEEP = 200_000

# How each kind of container opens and closes with one value in it.
NESTED = {
    "lists of one": ("79", ""),
    "typed lists of one": ("71 90", ""),
    "lists of a fixed length": ("58 91", ""),
    "lists up to a mark": ("57", "5a"),
    "typed lists up to a mark": ("55 90", "5a"),
    "maps with themselves as value": ("48 90", "5a"),
    "maps with themselves as key": ("48", "90 5a"),
    "typed maps": ("4d 90 90", "5a"),
    "objects": ("60", ""),
    "objects with the class number written out": ("4f 90", ""),
}
# The first type name, and the first class, with one field.
PREAMBLE = hx("70 01 54") + hx("43 01 41 91 01 66 60 4e")


def nested(name, depth):
    """Return three values, of which the last is nested so deep."""
    opening, closing = map(hx, NESTED[name])
    return PREAMBLE + opening * depth + b"N" + closing * depth


# Shapes of which n pieces must cost n times one piece.
REPEATED = {
    **{f"nested {name}": lambda n, name=name: (nested(name, n), 3) for name in NESTED},
    "class definitions": lambda n: (hx("43 01 41 91 01 66") * n + b"N", 1),
    "a class of many fields": lambda n: (b"C\x01A" + b"I" + n.to_bytes(4) + b"\x01f" * n + b"N", 1),
    "type names": lambda n: (hx("70 01 54") * n, n),
    "references": lambda n: (b"\x78" + hx("51 90") * n, n + 1),
    "string chunks": lambda n: (hx("52 0001 61") * n + b"\x00", 1),
    "empty string chunks": lambda n: (hx("52 0000") * n + b"\x00", 1),
    "chunks of characters that are not ASCII": lambda n: (hx("52 0001 c3a9") * n + b"\x00", 1),
    "binary chunks": lambda n: (hx("41 0001 61") * n + b"\x20", 1),
    "empty binary chunks": lambda n: (hx("41 0000") * n + b"\x20", 1),
    "short strings that are not UTF-8": lambda n: (hx("02 c328 61") * n, n),
    "empty maps": lambda n: (hx("48 5a") * n, n),
    "lists that announce more than there is": lambda n: (hx("58 49 7fffffff") * n, 1),
    "unfinished lists": lambda n: (b"\x57" * n, 1),
    "unfinished maps": lambda n: (b"\x48" * n, 1),
}  # fmt: skip


def lines_executed(data, count):
    """Count the lines that skipping executes: the work, whatever the machine."""

    def skip():
        with suppress(DecodeError):
            skip_values(data, 0, count, ReferenceTables())

    return lines_run(skip, hessian2)


@pytest.mark.parametrize("name", REPEATED)
def test_the_work_grows_no_faster_than_the_bytes(name):
    few = lines_executed(*REPEATED[name](100))
    many = lines_executed(*REPEATED[name](800))
    assert many <= 8 * few + 100


@pytest.mark.parametrize("name", NESTED)
def test_nesting_of_any_depth_is_skipped_without_recursion(name):
    data = nested(name, DEEP)
    assert skip_values(data, 0, 3, ReferenceTables()) == len(data)


@pytest.mark.parametrize("name", NESTED)
def test_nesting_that_never_closes_is_cut_off(name):
    data = PREAMBLE + hx(NESTED[name][0]) * DEEP
    with pytest.raises(DecodeError) as caught:
        skip_values(data, 0, 3, ReferenceTables())
    assert caught.value.offset == len(data)


@pytest.mark.parametrize(
    "head",
    ["58 49 7fffffff", "56 01 54 49 7fffffff", "43 01 41 49 7fffffff", "53 ffff", "42 ffff", "52 ffff", "41 ffff"],
    ids=["list", "typed list", "fields of a class", "string", "binary", "string chunk", "binary chunk"],
)
def test_a_declared_size_allocates_and_repeats_nothing(head):
    data = hx(head) + b"\x01a" * 5
    with pytest.raises(DecodeError) as caught:
        skip_values(data, 0, 1, ReferenceTables())
    assert caught.value.offset == len(data)
    assert lines_executed(data, 1) < 500


def test_lists_of_2_31_lists_of_2_31_need_no_more_than_their_bytes():
    data = hx("58 49 7fffffff") * 1000
    with pytest.raises(DecodeError) as caught:
        skip_values(data, 0, 1, ReferenceTables())
    assert caught.value.offset == len(data)
