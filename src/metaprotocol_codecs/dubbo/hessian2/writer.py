"""Writes values of Hessian 2.0 as Apache hessian-lite 4 does, so that Java reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.dubbo.hessian2.scalar_writer import (
    write_binary,
    write_date,
    write_double,
    write_int,
    write_long,
    write_string,
)
from metaprotocol_codecs.dubbo.hessian2.values import Date, Instance, Long, Map, TypedList
from metaprotocol_sdk import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_END = object()
_SCALARS: list[tuple[type | tuple[type, ...], Callable[[Any], bytes]]] = [
    (str, write_string),
    (bool, lambda value: b"T" if value else b"F"),
    (Long, write_long),
    (int, write_int),
    (float, write_double),
    (bytes, write_binary),
    (Date, write_date),
    (type(None), lambda _: b"N"),
]


def write_value(value: Any) -> bytes:
    """Return one value that stands for itself; see `Writer.write`."""
    return Writer().write(value)


class Writer:
    """Writes the values of one message, which share class definitions, type names and references."""

    __slots__ = ("_classes", "_references", "_types")

    def __init__(self) -> None:
        self._classes: dict[tuple[str, tuple[str, ...]], int] = {}
        self._types: dict[str, int] = {}
        # By identity; the value itself is kept so that its id is not given to another one.
        self._references: dict[int, tuple[int, Any]] = {}

    def write(self, value: Any) -> bytes:
        """Return the next value.

        A list, a map or an object that was written before, in this value or an earlier one, becomes a reference to
        it. Once this has raised, the writer is of no further use.

        Args:
            value: What `Reader.read` returns; a `dict` is written as a map without a type, and an `int` of more than
                32 bits as a long.

        Raises:
            EncodeError: A value is of another class, a name is no string, or a number has more than 64 bits.
        """
        parts: list[bytes] = []
        pending: list[Iterator[Any]] = [iter((value,))]
        while pending:
            for item in pending[-1]:
                inner = self._write_one(item, parts)
                if inner is not None:
                    pending.append(iter(inner))
                    break
            else:
                pending.pop()
        return b"".join(parts)

    def _write_one(self, value: Any, parts: list[bytes]) -> Iterable[Any] | None:
        """Write a scalar, or a container's head; then return what is in it."""
        if value is _END:
            parts.append(b"Z")
            return None
        for kind, write in _SCALARS:
            if isinstance(value, kind):
                parts.append(write(value))
                return None
        if not isinstance(value, list | dict | Map | Instance):
            raise EncodeError(f"hessian2 has no value for {type(value).__name__}")
        if id(value) in self._references:
            parts.append(b"Q" + write_int(self._references[id(value)][0]))
            return None
        self._references[id(value)] = (len(self._references), value)
        if isinstance(value, list):
            parts.append(self._list_head(value))
            return value
        if isinstance(value, Instance):
            parts.append(self._object_head(value))
            return value.fields.values()
        if isinstance(value, dict):
            parts.append(b"H")
            return _flat(value.items())
        parts.append(b"H" if value.type is None else b"M" + self._type(value.type))
        return _flat(value.pairs)

    def _list_head(self, value: list[Any]) -> bytes:
        size = len(value)
        if isinstance(value, TypedList):
            if size < 8:
                return bytes((0x70 + size,)) + self._type(value.type)
            return b"V" + self._type(value.type) + write_int(size)
        return bytes((0x78 + size,)) if size < 8 else b"X" + write_int(size)

    def _object_head(self, value: Instance) -> bytes:
        definition = b""
        names = tuple(value.fields)
        number = self._classes.get((value.class_name, names))
        if number is None:
            definition = b"C" + _name(value.class_name) + write_int(len(names)) + b"".join(map(_name, names))
            number = self._classes[value.class_name, names] = len(self._classes)
        return definition + (bytes((0x60 + number,)) if number < 16 else b"O" + write_int(number))

    def _type(self, name: str) -> bytes:
        number = self._types.get(name)
        if number is not None:
            return write_int(number)
        self._types[name] = len(self._types)
        return _name(name)


def _name(name: str) -> bytes:
    if not isinstance(name, str):
        raise EncodeError(f"the name of a class, a field or a type is a string, not {type(name).__name__}")
    return write_string(name)


def _flat(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
    for key, value in pairs:
        yield key
        yield value
    yield _END
