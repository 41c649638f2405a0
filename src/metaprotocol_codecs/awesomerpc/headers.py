"""The header block of an AwesomeRPC message: u8 key length, key, u16 value length, value; repeated."""

from collections.abc import Iterator, Mapping

from metaprotocol_sdk import DecodeError, Mutation, UnsupportedMutation


def read_headers(message: bytes, start: int, end: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield the headers between two offsets: key, value, and where each begins and ends."""
    seen: set[str] = set()
    while start < end:
        value_at = start + 1 + message[start] + 2 if start < len(message) else end
        stop = value_at + int.from_bytes(message[value_at - 2 : value_at])
        if not value_at <= stop <= end <= len(message):
            raise DecodeError("this header ends after the header block", offset=start, field="headers")
        key = _text(message[start + 1 : value_at - 2])
        if not key or key in seen:
            what = f"the header {key!r} comes twice" if key else "this header has no key"
            raise DecodeError(what, offset=start, field="headers")
        seen.add(key)
        yield key, _text(message[value_at:stop]), start, stop
        start = stop


def write_headers(headers: Mapping[str, str]) -> bytes:
    """Return a header block."""
    return b"".join(_write(key, value) for key, value in headers.items())


def mutate_headers(message: bytes, start: int, end: int, mutation: Mutation) -> bytes:
    """Return the header block with the mutation applied; what it does not name stays as it is, in its place."""
    if "cmd" in mutation:
        raise UnsupportedMutation("cmd is a field of the message, not a header")
    changes, parts = dict(mutation), []
    for key, old, begin, stop in read_headers(message, start, end):
        value = changes.pop(key, old)
        if value is not None:
            parts.append(message[begin:stop] if value == old else _write(key, value))
    parts += [_write(key, value) for key, value in changes.items() if value is not None]
    block = b"".join(parts)
    if len(block) > 0xFFFF:
        raise UnsupportedMutation(f"the headers would take {len(block):,} bytes; at most 65,535 fit")
    return block


def _write(key: str, value: str) -> bytes:
    try:
        raw, content = key.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")
        if not raw or (_text(raw), _text(content)) != (key, value):
            raise ValueError("it would not be read back as it is")
        return len(raw).to_bytes(1) + raw + len(content).to_bytes(2) + content
    except (ValueError, OverflowError) as error:  # lone surrogates are ValueErrors too
        raise UnsupportedMutation(f"the header {key!r} cannot be written: {error}") from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
