"""The header block of an AwesomeRPC message: u8 key length, key, u16 value length, value; repeated."""

from collections.abc import Iterator

from metaprotocol_sdk import DecodeError, UnsupportedMutation
from metaprotocol_sdk.entries import decode_text, encode_text


def read_headers(message: bytes, start: int, end: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield the headers between two offsets: key, value, and where each begins and ends."""
    while start < end:
        value_at = start + 1 + message[start] + 2 if start < len(message) else end
        stop = value_at + int.from_bytes(message[value_at - 2 : value_at])
        if not value_at <= stop <= end <= len(message):
            raise DecodeError("this header ends after the header block", offset=start, field="headers")
        if not message[start]:
            raise DecodeError("this header has no key", offset=start, field="headers")
        yield decode_text(message[start + 1 : value_at - 2]), decode_text(message[value_at:stop]), start, stop
        start = stop


def write_header(key: str, value: str) -> bytes:
    """Return a header. Raises UnsupportedMutation for a key or a value that no header can have."""
    if not key:
        raise UnsupportedMutation("the key of a header cannot be empty")
    raw, text = encode_text(key, 0xFF), encode_text(value, 0xFFFF)
    return len(raw).to_bytes(1) + raw + len(text).to_bytes(2) + text
