"""Draws values of every type of Thrift."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st


class Kind(IntEnum):
    """A type, by the number that the binary protocol gives it."""

    BOOL = 2
    BYTE = 3
    DOUBLE = 4
    I16 = 6
    I32 = 8
    I64 = 10
    STRING = 11
    STRUCT = 12
    MAP = 13
    SET = 14
    LIST = 15
    UUID = 16


class Items(NamedTuple):
    """A list or a set."""

    kind: Kind
    items: list[Any]


class Entries(NamedTuple):
    """A map."""

    key: Kind
    item: Kind
    pairs: list[tuple[Any, Any]]


class Field(NamedTuple):
    """A field of a struct, which is a list of fields."""

    number: int
    kind: Kind
    value: Any


def _integers(bits: int) -> st.SearchStrategy[int]:
    most = (1 << bits - 1) - 1
    return st.integers(-most - 1, most)


# Letters of all widths, what JSON escapes, and lengths around those that a varint or a reader handles in one step.
_TEXTS = st.one_of(
    st.text(st.sampled_from('aé世😀"\\/\n\x00[]{},: '), max_size=12),
    st.sampled_from([0, 1, 62, 63, 64, 65, 127, 128, 300]).map("x".__mul__),
)
_SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOL: st.booleans(),
    Kind.BYTE: _integers(8),
    Kind.I16: _integers(16),
    Kind.I32: _integers(32),
    Kind.I64: _integers(64),
    Kind.DOUBLE: st.floats(),
    Kind.STRING: _TEXTS | st.binary(max_size=12),
    Kind.UUID: st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number)),  # st.uuids() does not shrink
}
_SCALAR_KINDS = st.sampled_from(list(_SCALARS))
_ALL_KINDS = st.sampled_from([*_SCALARS, Kind.LIST, Kind.SET, Kind.MAP, Kind.STRUCT])

_NUMBERS = st.integers(1, 20) | _integers(16)
_MOST_FIELDS = 5
_MOST_ITEMS = 3
# Up to 14 items have a short form in the compact protocol.
_LEAST_MANY, _MOST_MANY = 14, 17


# Composed as they are drawn: the whole tree of strategies would be far larger than any value.
@cache
@st.composite
def structs(draw: st.DrawFn, depth: int = 3, *, container_keys: bool = False) -> list[Field]:
    """Generate structs: fields with numbers of any distance, in any order.

    Args:
        draw: Hypothesis' function.
        depth: The most containers in each other.
        container_keys: True if the key of a map may be a container, which JSON cannot write.
    """
    return draw(st.lists(_fields(depth, container_keys), max_size=_MOST_FIELDS, unique_by=lambda field: field.number))


@cache
@st.composite
def _fields(draw: st.DrawFn, depth: int, container_keys: bool) -> Field:
    kind = draw(_ALL_KINDS if depth else _SCALAR_KINDS)
    return Field(draw(_NUMBERS), kind, draw(values(kind, depth, container_keys=container_keys)))


def values(kind: Kind, depth: int = 3, *, container_keys: bool = False) -> st.SearchStrategy[Any]:
    """Generate values of a type: a scalar, `Items`, `Entries` or a list of `Field`.

    Args:
        kind: The type.
        depth: The most containers in each other; at least 1 for a container.
        container_keys: True if the key of a map may be a container, which JSON cannot write.
    """
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind is Kind.STRUCT:
        return structs(depth - 1, container_keys=container_keys)
    if kind is Kind.MAP:
        return _entries(depth - 1, container_keys)
    return _items(depth - 1, container_keys, kind is Kind.SET)


@cache
@st.composite
def _items(draw: st.DrawFn, depth: int, container_keys: bool, unique: bool) -> Items:
    """Generate the items of a list, or those of a set, which are unique."""
    kind = draw(_ALL_KINDS if depth else _SCALAR_KINDS)
    inner = values(kind, depth, container_keys=container_keys)
    unique_by = repr if unique else None
    items = st.lists(inner, max_size=_MOST_ITEMS, unique_by=unique_by)
    if kind in _SCALARS and not (unique and kind is Kind.BOOL):
        items |= st.lists(inner, min_size=_LEAST_MANY, max_size=_MOST_MANY, unique_by=unique_by)
    return Items(kind, draw(items))


@cache
@st.composite
def _entries(draw: st.DrawFn, depth: int, container_keys: bool) -> Entries:
    kinds = _ALL_KINDS if depth else _SCALAR_KINDS
    key, item = draw(kinds if container_keys else _SCALAR_KINDS), draw(kinds)
    pairs = st.tuples(*(values(kind, depth, container_keys=container_keys) for kind in (key, item)))
    return Entries(key, item, draw(st.lists(pairs, max_size=_MOST_ITEMS, unique_by=lambda pair: repr(pair[0]))))
