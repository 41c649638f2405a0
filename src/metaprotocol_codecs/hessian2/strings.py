"""Strings and whole numbers of Hessian 2.0, and the text that Java's `Hessian2Input.readString` makes of a value.

A string's length counts what its writer counts: Java UTF-16 units, each half of a surrogate pair written as 3 bytes
of its own; Rust code points, written as up to 4 bytes. So every UTF-8 sequence counts one, surrogate or not.
"""

from __future__ import annotations

from codecs import utf_8_decode, utf_16_le_encode
from typing import NoReturn

from metaprotocol_sdk import DecodeError

NULL = 0x4E
# Bytes of short strings that are looked at together.
_LONGEST_RUN = 1024
_FALSE, _TRUE, _ZERO, _ONE, _DOUBLE_BYTE, _DOUBLE_SHORT = 0x46, 0x54, 0x5B, 0x5C, 0x5D, 0x5E
_CONSTANTS = {_FALSE: "false", _TRUE: "true", _ZERO: "0.0", _ONE: "1.0"}


def read_short_ascii(data: bytes, position: int) -> tuple[str, int] | None:
    """Read a string of up to 1,023 ASCII characters; None if there is something else, or the data ends inside it."""
    tag = data[position]
    if tag < 0x20:
        start = position + 1
        end = start + tag
    elif 0x30 <= tag <= 0x33 and position + 1 < len(data):
        start = position + 2
        end = start + (tag - 0x30 << 8 | data[position + 1])
    else:
        return None
    raw = data[start:end]
    return (raw.decode("ascii"), end) if raw.isascii() and end <= len(data) else None


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
        if tag == _DOUBLE_BYTE:
            return str((data[position + 1] ^ 0x80) - 0x80), position + 2
        if tag == _DOUBLE_SHORT:
            return str(((data[position + 1] << 8 | data[position + 2]) ^ 0x8000) - 0x8000), position + 3
        if is_integer(tag):
            number, end = read_long(data, position) if is_long(tag) else read_integer(data, position)
            return str(number), end
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
    """Return True if a type code begins an int or a long."""
    return tag >= 0x80 or 0x38 <= tag <= 0x3F or tag in (0x49, 0x4C, 0x59)


def read_string(data: bytes, position: int) -> tuple[str | None, int]:
    """Read one value that must be a string or null. Bytes that are not UTF-8 are escaped.

    This is for people. What rules match on comes from `read_text`, which refuses such bytes.
    """
    if data[position : position + 1] == b"N":
        return None, position + 1
    raw, end = read_raw_string(data, position)
    try:
        return decode_text(raw), end
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape"), end


def read_error_text(data: bytes, position: int) -> tuple[str | None, int]:
    """Read the text of an error: what Java's `readUTF` makes of a value, and bytes that are not UTF-8 escaped."""
    try:
        return read_text(data, position)
    except DecodeError:
        return read_string(data, position)


def read_raw_string(data: bytes, position: int) -> tuple[bytes, int]:
    """Read the bytes of a string's characters, its chunks joined."""
    start = position
    chunks: list[bytes] = []
    try:
        final = False
        while not final:
            body, count, final = string_chunk(data, position)
            position = skip_characters(data, body, count)
            chunks.append(data[body:position])
    except IndexError:
        raise_cut_off(data, start, "string")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks), position


def skip_string(data: bytes, position: int) -> int:
    """Return the position after a string. Raises IndexError where the data ends."""
    final = False
    while not final:
        body, count, final = string_chunk(data, position)
        position = skip_characters(data, body, count)
    return position


def string_chunk(data: bytes, position: int) -> tuple[int, int, bool]:
    """Return where a chunk's characters begin, how many there are, and whether it is the last chunk."""
    tag = data[position]
    if tag < 0x20:
        return position + 1, tag, True
    if 0x30 <= tag <= 0x33:
        return position + 2, tag - 0x30 << 8 | data[position + 1], True
    if tag in (0x52, 0x53):
        return position + 3, data[position + 1] << 8 | data[position + 2], tag == 0x53
    raise DecodeError(f"a string was expected, not the type code {tag:02x}", offset=position)


def string_size(data: bytes, position: int) -> int:
    """Return how many bytes of characters the string has that begins here, its chunks' heads not counted."""
    size = 0
    final = False
    while not final:
        body, count, final = string_chunk(data, position)
        position = skip_characters(data, body, count)
        size += position - body
    return size


def skip_characters(data: bytes, position: int, count: int) -> int:
    """Return the position after `count` characters. Raises IndexError where the data ends."""
    end = position + count
    if data[position:end].isascii():
        if end > len(data):
            raise IndexError
        return end
    return skip_wide_characters(data, position, count)[0]


def skip_wide_characters(data: bytes, position: int, count: int) -> tuple[int, bool]:
    """Return the position after `count` characters that are not all ASCII, and True if Java knows them.

    Its reader knows those of up to three bytes. Raises IndexError where the data ends.
    """
    # Decoding counts in C. Text that is all Chinese, Japanese or Korean has three bytes a character and fills the first
    # window; other text is encoded again to be measured. What follows the string in the window need not be UTF-8.
    for width in (3, 4):
        window = data[position : position + width * count]
        try:
            text, size = utf_8_decode(window, "surrogatepass", False)
        except UnicodeDecodeError as error:
            text, size = window[: error.start].decode("utf-8", "surrogatepass"), error.start
        if len(text) > count:
            text = text[:count]
            size = len(text.encode("utf-8", "surrogatepass"))
        if len(text) == count:
            # UTF-16 has two units for a character of four bytes.
            return position + size, len(utf_16_le_encode(text, "surrogatepass")[0]) == 2 * count
    return _skip_lead_bytes(data, position, count)


def _skip_lead_bytes(data: bytes, position: int, count: int) -> tuple[int, bool]:
    """Count as Java's reader does, which trusts the lead byte and looks at no other."""
    known = True
    for _ in range(count):
        lead = data[position]
        if lead < 0x80:
            position += 1
        elif 0xC0 <= lead < 0xE0:
            position += 2
        elif 0xE0 <= lead < 0xF0:
            position += 3
        elif 0xF0 <= lead < 0xF8:
            position += 4
            known = False
        else:
            raise DecodeError(f"the byte {lead:02x} begins no UTF-8 character", offset=position)
    if position > len(data):
        raise IndexError
    return position, known


def decode_text(raw: bytes) -> str:
    """Return the text of a string's bytes: surrogate pairs joined, lone ones kept.

    Raises:
        UnicodeDecodeError: The bytes are not UTF-8.
    """
    if b"\xed" not in raw:
        return raw.decode("utf-8")
    return raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def read_integer(data: bytes, position: int) -> tuple[int, int]:
    """Read an int: its value and the position after it. Raises IndexError where the data ends."""
    tag = data[position]
    if 0x80 <= tag <= 0xBF:
        return tag - 0x90, position + 1
    if 0xC0 <= tag <= 0xCF:
        return (tag - 0xC8 << 8) + data[position + 1], position + 2
    if 0xD0 <= tag <= 0xD7:
        return (tag - 0xD4 << 16) + (data[position + 1] << 8) + data[position + 2], position + 3
    if tag == 0x49:
        end = position + 5
        if end > len(data):
            raise IndexError
        return int.from_bytes(data[position + 1 : end], signed=True), end
    raise DecodeError(f"an int was expected, not the type code {tag:02x}", offset=position)


def is_long(tag: int) -> bool:
    """Return True if a type code begins a long."""
    return tag >= 0xD8 or 0x38 <= tag <= 0x3F or tag in (0x4C, 0x59)


def read_long(data: bytes, position: int) -> tuple[int, int]:
    """Read a long: its value and the position after it. Raises IndexError where the data ends."""
    tag = data[position]
    if tag >= 0xF0:
        return (tag - 0xF8 << 8) + data[position + 1], position + 2
    if tag >= 0xD8:
        return tag - 0xE0, position + 1
    if tag < 0x40:
        return (tag - 0x3C << 16) + (data[position + 1] << 8) + data[position + 2], position + 3
    end = position + (9 if tag == 0x4C else 5)
    if end > len(data):
        raise IndexError
    return int.from_bytes(data[position + 1 : end], signed=True), end


def raise_cut_off(data: bytes, start: int, what: str) -> NoReturn:
    """Say that the data ends inside the value that begins at `start`."""
    if start >= len(data):
        raise DecodeError(f"the message ends where a {what} was expected", offset=len(data)) from None
    raise DecodeError(f"the message ends inside the {what} that begins at {start}", offset=len(data)) from None
