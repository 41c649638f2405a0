"""Builds the values of Hessian 2.0, within limits.

For what must be looked at: attachments, error texts, a person's look at arguments. Whatever is only passed on is
skipped instead, by `skip`, and both number classes, types and references alike.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, NoReturn

from metaprotocol_codecs.hessian2.strings import (
    NULL,
    is_long,
    raise_cut_off,
    read_integer,
    read_long,
    read_string,
)
from metaprotocol_codecs.hessian2.values import MILLISECONDS_PER_MINUTE, Date, Instance, Long, Map, TypedList
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits

_CLASS, _END, _REFERENCE = 0x43, 0x5A, 0x51
# Lists, maps and objects, by the first byte.
_CONTAINERS = frozenset((*b"HMOUVWX", *range(0x60, 0x80)))
_UNTIL_END = -1
_CONSTANTS = {0x4E: None, 0x54: True, 0x46: False, 0x5B: 0.0, 0x5C: 1.0}
_DOUBLE = Struct(">d")


def read_value(data: bytes, position: int, limits: Limits) -> tuple[Any, int]:
    """Read one value that stands for itself; see `Reader`.

    Args:
        data: A message.
        position: Where the value begins.
        limits: Bounds of what is built.

    Returns:
        The value, and the position after it.

    Raises:
        ProtocolError: As `Reader.read`.
    """
    reader = Reader(data, position, limits)
    return reader.read(), reader.position


class Reader:
    """Reads the values of one message, which share class definitions, type names and references.

    A reference is read as the very object that it refers to, so what contains itself on the wire contains itself in
    Python too: neither `==` nor `repr` of such a value is safe, `describe` is.

    Args:
        data: A message.
        position: Where the first value begins.
        limits: Bounds of what is built: `max_depth` containers inside one another; `max_elements` values inside all
            containers, a map's keys counted too, and field names of all classes; `max_references` containers;
            `max_class_definitions`; and `max_value_length` bytes of each string and binary.
    """

    __slots__ = ("_classes", "_data", "_elements", "_limits", "_references", "_types", "position")

    def __init__(self, data: bytes, position: int, limits: Limits) -> None:
        self.position = position
        """The offset of the next value."""
        self._data = data
        self._limits = limits
        self._classes: list[tuple[str, list[str]]] = []
        self._types: list[str] = []
        self._references: list[Any] = []
        self._elements = 0

    def read(self) -> Any:
        """Read the next value. Once this has raised, the reader is of no further use.

        Raises:
            DecodeError: No value begins here, it refers to what is not there, or the data ends inside it.
            LimitExceeded: It passes a bound.
        """
        data, max_depth, max_length = self._data, self._limits.max_depth, self._limits.max_value_length
        outermost: list[Any] = []
        frame: _Frame = _ListFrame(outermost, 1)
        around: list[_Frame] = []
        position = start = self.position
        try:
            while True:
                if frame.missing > 0:
                    frame.missing -= 1
                elif frame.missing == 0:
                    if not around:
                        break
                    frame = around.pop()
                    continue
                elif data[position] == _END:
                    position += 1
                    frame = around.pop()
                    continue
                start = position
                while data[position] == _CLASS:
                    position = self._define_class(position)
                if around:
                    self._count_element(start)
                tag = data[position]
                if tag in _CONTAINERS:
                    if len(around) == max_depth:
                        raise LimitExceeded("max_depth", max_depth + 1, max_depth, offset=position)
                    # In its place before it is filled: what is in it may refer to it.
                    value, inner, position = self._open_container(position, tag)
                    frame.add(value)
                    around.append(frame)
                    frame = inner
                elif tag == _REFERENCE:
                    value, position = self._follow_reference(position)
                    frame.add(value)
                else:
                    value, position = read_scalar(data, position, max_length)
                    frame.add(value)
        except IndexError:
            raise_cut_off(data, start, "value")
        self.position = position
        return outermost[0]

    def _count_element(self, start: int) -> None:
        self._elements += 1
        if self._elements > self._limits.max_elements:
            raise LimitExceeded("max_elements", self._elements, self._limits.max_elements, offset=start)

    def _open_container(self, position: int, tag: int) -> tuple[Any, _Frame, int]:
        if len(self._references) == self._limits.max_references:
            most = self._limits.max_references
            raise LimitExceeded("max_references", most + 1, most, offset=position)
        value: Any
        frame: _Frame
        start = position
        position += 1
        if tag == 0x4F or 0x60 <= tag < 0x70:
            index = tag - 0x60
            if tag == 0x4F:
                index, position = read_integer(self._data, position)
            if not 0 <= index < len(self._classes):
                _raise_unknown("an object is of class", index, len(self._classes), start)
            class_name, names = self._classes[index]
            value = Instance(class_name)
            frame = _ObjectFrame(value.fields, names)
        elif tag in (0x48, 0x4D):
            value = Map()
            if tag == 0x4D:
                value.type, position = self._read_type(position)
            frame = _MapFrame(value.pairs)
        else:
            value = []
            if tag in (0x55, 0x56) or 0x70 <= tag < 0x78:
                name, position = self._read_type(position)
                value = TypedList(name)
            missing = tag & 0x07
            if tag in (0x55, 0x57):
                missing = _UNTIL_END
            elif tag < 0x70:
                missing, position = read_integer(self._data, position)
                if missing < 0:
                    raise DecodeError(f"a list has the length {missing}", offset=start)
            frame = _ListFrame(value, missing)
        self._references.append(value)
        return value, frame, position

    def _follow_reference(self, position: int) -> tuple[Any, int]:
        index, end = read_integer(self._data, position + 1)
        if not 0 <= index < len(self._references):
            _raise_unknown("a value refers back to", index, len(self._references), position)
        return self._references[index], end

    def _read_type(self, position: int) -> tuple[str, int]:
        tag = self._data[position]
        if tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53):
            name, end = self._read_name(position)
            self._types.append(name)
            return name, end
        index, end = read_integer(self._data, position)
        if not 0 <= index < len(self._types):
            _raise_unknown("a type refers back to", index, len(self._types), position)
        return self._types[index], end

    def _define_class(self, position: int) -> int:
        start = position
        if len(self._classes) == self._limits.max_class_definitions:
            most = self._limits.max_class_definitions
            raise LimitExceeded("max_class_definitions", most + 1, most, offset=start)
        class_name, position = self._read_name(position + 1)
        count, position = read_integer(self._data, position)
        if count < 0:
            raise DecodeError(f"a class has {count} fields", offset=start)
        names: list[str] = []
        for _ in range(count):
            self._count_element(position)
            name, position = self._read_name(position)
            names.append(name)
        self._classes.append((class_name, names))
        return position

    def _read_name(self, position: int) -> tuple[str, int]:
        most = self._limits.max_value_length
        name, end = read_string(self._data, position)
        if name is None:
            raise DecodeError(f"a name was expected, not the type code {NULL:02x}", offset=position)
        if end - position > most:
            raise LimitExceeded("max_value_length", end - position, most, offset=position)
        return name, end


def _raise_unknown(what: str, index: int, known: int, offset: int) -> NoReturn:
    raise DecodeError(f"{what} number {index}, and {known} came before it", offset=offset)


class _ListFrame:
    """A list that is being read."""

    __slots__ = ("add", "missing")

    def __init__(self, items: list[Any], missing: int) -> None:
        self.add = items.append
        self.missing = missing
        """The number of values still to come, or `_UNTIL_END`."""


class _MapFrame:
    """A map that is being read: its end mark counts only where a key could stand."""

    __slots__ = ("_key", "_pairs", "missing")

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        self._pairs = pairs
        self._key: Any = None
        self.missing = _UNTIL_END

    def add(self, value: Any) -> None:
        if self.missing == _UNTIL_END:
            self._key = value
            self.missing = 1
        else:
            self._pairs.append((self._key, value))
            self.missing = _UNTIL_END


class _ObjectFrame:
    """An object that is being read."""

    __slots__ = ("_fields", "_names", "missing")

    def __init__(self, fields: dict[str, Any], names: list[str]) -> None:
        self._fields = fields
        self._names = iter(names)
        self.missing = len(names)

    def add(self, value: Any) -> None:
        self._fields[next(self._names)] = value


_Frame = _ListFrame | _MapFrame | _ObjectFrame


def read_scalar(data: bytes, position: int, most: int) -> tuple[Any, int]:
    """Read a value that is not a container, reference or class definition.

    Args:
        data: A message.
        position: Where the value begins.
        most: Bytes that a string or a binary may take.

    Returns:
        The value, and the position after it.

    Raises:
        DecodeError: No scalar begins here, or the data ends inside a string.
        LimitExceeded: A string or a binary is longer than `most`.
        IndexError: The data ends inside the value.
    """
    tag = data[position]
    if 0x80 <= tag < 0xD8 or tag == 0x49:
        return read_integer(data, position)
    if tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53):
        text, end = read_string(data, position)
        _check_length(end - position, most, position)
        return text, end
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], position + 1
    if is_long(tag):
        number, end = read_long(data, position)
        return Long(number), end
    if 0x20 <= tag <= 0x2F or 0x34 <= tag <= 0x37 or tag in (0x41, 0x42):
        return _read_binary(data, position, most)
    start = position + 1
    if tag == 0x44:
        return _DOUBLE.unpack(_take(data, start, 8))[0], start + 8
    if tag == 0x5D:
        return float(_signed(data, start, 1)), start + 1
    if tag == 0x5E:
        return float(_signed(data, start, 2)), start + 2
    if tag == 0x5F:
        return 0.001 * _signed(data, start, 4), start + 4  # a product: dividing by 1000 rounds otherwise than Java
    if tag == 0x4A:
        return Date(_signed(data, start, 8)), start + 8
    if tag == 0x4B:
        return Date(_signed(data, start, 4) * MILLISECONDS_PER_MINUTE), start + 4
    raise DecodeError(f"no value has the type code {tag:02x}", offset=position)


def _read_binary(data: bytes, position: int, most: int) -> tuple[bytes, int]:
    start = position
    chunks: list[bytes] = []
    final = False
    while not final:
        tag = data[position]
        final = tag != 0x41
        if 0x20 <= tag <= 0x2F:
            body, size = position + 1, tag - 0x20
        elif 0x34 <= tag <= 0x37:
            body, size = position + 2, tag - 0x34 << 8 | data[position + 1]
        elif tag in (0x41, 0x42):
            body, size = position + 3, data[position + 1] << 8 | data[position + 2]
        else:
            raise DecodeError(f"a binary was expected, not the type code {tag:02x}", offset=position)
        position = body + size
        _check_length(position - start, most, start)
        chunks.append(_take(data, body, size))
    return chunks[0] if len(chunks) == 1 else b"".join(chunks), position


def _check_length(length: int, most: int, start: int) -> None:
    if length > most:
        raise LimitExceeded("max_value_length", length, most, offset=start)


def _signed(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(_take(data, start, size), signed=True)


def _take(data: bytes, start: int, size: int) -> bytes:
    taken = data[start : start + size]
    if len(taken) < size:
        raise IndexError
    return taken
