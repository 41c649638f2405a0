"""Builds Dubbo messages in fastjson2 by hand, as Apache Dubbo for Java writes them. Nothing of our codec is used."""

from collections.abc import Mapping

from dubbo_bytes import INTERFACE, METHOD, message


def text(value: str | None) -> bytes:
    """Return a string as fastjson2 writes it: Latin-1 where that is enough, otherwise UTF-8."""
    if value is None:
        return b"\xaf"
    try:
        raw, tag = value.encode("latin-1"), 0x79
    except UnicodeEncodeError:
        raw, tag = value.encode("utf-8"), 0x7A
    if tag == 0x79 and len(raw) < 48:
        return bytes((0x49 + len(raw),)) + raw
    return bytes((tag,)) + length(len(raw)) + raw


def utf8(value: str) -> bytes:
    """Return a string in UTF-8, whatever is in it."""
    raw = value.encode("utf-8")
    return b"\x7a" + length(len(raw)) + raw


def utf16(value: str, order: str = "le") -> bytes:
    """Return a string in UTF-16, whatever is in it."""
    raw = value.encode(f"utf-16-{order}")
    return (b"\x7c" if order == "le" else b"\x7d") + length(len(raw)) + raw


def length(number: int) -> bytes:
    """Return an int in its shortest form; numbers below 0 are of no use here."""
    if number < 48:
        return bytes((number,))
    return b"\x48" + number.to_bytes(4) if number >= 0x800 else (0x3800 + number).to_bytes(2)


def chunk(data: bytes) -> bytes:
    """Return a value after its length."""
    return len(data).to_bytes(4) + data


def attachment_map(*entries: str | bytes | None) -> bytes:
    """Return a map of keys and values in turn, of which bytes stand for themselves."""
    return b"\xa6" + b"".join(map(_value, entries)) + b"\xa5"


def fastjson2_request(
    attachments: Mapping[str, str | bytes | None] | bytes,
    *,
    path: str | bytes | None = INTERFACE,
    version: str | bytes | None = "1.0",
    method: str | bytes = METHOD,
    types: str = "",
    arguments: tuple[bytes, ...] = (),
    trailing: bytes = b"",
    request_id: int = 1,
) -> bytes:
    """Return a request; arguments, and strings and attachments that are bytes, are values of JSONB."""
    strings = [chunk(_value(value)) for value in ("2.0.2", path, version, method, types)]
    if not isinstance(attachments, bytes):
        attachments = attachment_map(*(part for entry in attachments.items() for part in entry))
    body = b"".join((*strings, *map(chunk, arguments), chunk(attachments), trailing))
    return message(0xD7, body, request_id=request_id)


def _value(value: str | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else text(value)
