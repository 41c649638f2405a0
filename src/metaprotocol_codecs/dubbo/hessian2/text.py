"""Strings as the fields of a Dubbo message hold them: what Java's `Hessian2Input.readString` makes of a value."""

from __future__ import annotations

from metaprotocol_codecs.dubbo.hessian2.scalar_reader import read_scalar
from metaprotocol_codecs.dubbo.hessian2.strings import NULL, decode_text, raise_cut_off, read_raw_string
from metaprotocol_sdk import DecodeError

# Bytes of short strings that are looked at together.
_LONGEST_RUN = 1024

_FALSE, _TRUE, _ZERO, _ONE, _DOUBLE_BYTE, _DOUBLE_SHORT = 0x46, 0x54, 0x5B, 0x5C, 0x5D, 0x5E
_CONSTANTS = {_FALSE: "false", _TRUE: "true", _ZERO: "0.0", _ONE: "1.0"}


def read_strings(data: bytes, position: int, count: int) -> tuple[list[str | None], int]:
    """Read values as `read_text` does.

    Args:
        data: A message.
        position: Where the first one begins.
        count: How many there are.

    Returns:
        The strings, and the position after the last.

    Raises:
        DecodeError: See `read_text`.
    """
    # Short and ASCII is the rule: then every string is a slice of one text, and one look tells that all of it is.
    raw = data[position : position + _LONGEST_RUN]
    text = raw.decode("latin-1")
    found: list[str | None] = [None] * count
    end = 0
    try:
        for index in range(count):
            tag = raw[end]
            if tag < 0x20:
                start = end + 1
                end = start + tag
            elif 0x30 <= tag <= 0x33:
                start = end + 2
                end = start + (tag - 0x30 << 8 | raw[end + 1])
            else:
                break
            found[index] = text[start:end]
        else:
            if end <= len(raw) and raw[:end].isascii():
                return found, position + end
    except IndexError:
        pass
    strings: list[str | None] = []
    for _ in range(count):
        string, position = read_text(data, position)
        strings.append(string)
    return strings, position


def read_text(data: bytes, position: int) -> tuple[str | None, int]:
    """Read a string or null, or a number or a boolean as text, and return it with the position after it.

    Raises:
        DecodeError: The value is something else; it is a string, but not UTF-8; it is a double whose text depends on
            the version of Java; or the data ends inside it.
    """
    try:
        tag = data[position]
        if tag == NULL:
            return None, position + 1
        if tag < 0x20 or 0x30 <= tag <= 0x33 or tag in (0x52, 0x53):
            raw, end = read_raw_string(data, position)
            return decode_text(raw), end
        if tag in _CONSTANTS:
            return _CONSTANTS[tag], position + 1
        # Java writes doubles of one and two bytes as it writes integers.
        if is_integer(tag) or tag in (_DOUBLE_BYTE, _DOUBLE_SHORT):
            number, end = read_scalar(data, position, 0)
            return str(int(number)), end
    except IndexError:
        raise_cut_off(data, position, "string")
    except UnicodeDecodeError:
        # Java looks at no continuation byte: it reads c1 b0 as "p", and other readers do not.
        raise DecodeError(
            f"the string that begins at {position} is not UTF-8, so what it says depends on who reads it",
            offset=position,
        ) from None
    raise DecodeError(f"a string was expected, not the type code {tag:02x}", offset=position)


def is_integer(tag: int) -> bool:
    """Return whether a type code begins an int or a long."""
    return tag >= 0x80 or 0x38 <= tag <= 0x3F or tag in (0x49, 0x4C, 0x59)
