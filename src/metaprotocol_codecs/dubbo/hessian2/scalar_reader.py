"""Reads the values of Hessian 2.0 that hold no other values: numbers, strings, binaries, dates, booleans, null."""

from __future__ import annotations

from struct import Struct
from typing import Any

from metaprotocol_codecs.dubbo.hessian2.strings import read_integer, read_string
from metaprotocol_codecs.dubbo.hessian2.values import MILLISECONDS_PER_MINUTE, Date, Long
from metaprotocol_sdk import DecodeError, LimitExceeded

_CONSTANTS = {0x4E: None, 0x54: True, 0x46: False, 0x5B: 0.0, 0x5C: 1.0}
_DOUBLE = Struct(">d")


def read_scalar(data: bytes, position: int, most: int) -> tuple[Any, int]:
    """Read a value that is no container, reference or class definition.

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
    if tag >= 0xD8 or 0x38 <= tag <= 0x3F or tag in (0x4C, 0x59):
        return _read_long(data, position, tag)
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


def _read_long(data: bytes, position: int, tag: int) -> tuple[Long, int]:
    if tag >= 0xF0:
        return Long((tag - 0xF8 << 8) + data[position + 1]), position + 2
    if tag >= 0xD8:
        return Long(tag - 0xE0), position + 1
    if tag < 0x40:
        return Long((tag - 0x3C << 16) + (data[position + 1] << 8) + data[position + 2]), position + 3
    size = 8 if tag == 0x4C else 4
    return Long(_signed(data, position + 1, size)), position + 1 + size


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
