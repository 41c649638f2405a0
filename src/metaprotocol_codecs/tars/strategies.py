"""Hypothesis strategies for valid Tars messages, for the conformance kit: all versions, any context.

They write the bytes themselves: nothing of the codec is used.
"""

from __future__ import annotations

from hypothesis import strategies as st

from metaprotocol_sdk import Direction

_KEYS = st.sampled_from(["user", "zone", "gr\u00f6\u00dfe"]) | st.text(max_size=6)
_TEXTS = st.text(max_size=300)
_IDS = st.integers(-(2**31), 2**31 - 1)
_LONGEST_SHORT = 255


@st.composite
def messages(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """Generate valid messages of each kind, with the direction that they travel."""
    version, request_id = draw(st.sampled_from([1, 2, 3])), draw(_IDS)
    response = draw(st.booleans())
    buffer = draw(st.binary(max_size=40))
    if response and version == 1:
        fields = [_integer(1, 1), _integer(2, 0), _integer(3, request_id), _integer(4, 0)]
        fields += [_integer(5, draw(st.just(0) | st.integers(-99, -1))), _bytes(6, buffer), _map(7, {})]
        fields += [_text(8, draw(_TEXTS))] if draw(st.booleans()) else []
        fields += [_map(9, draw(_maps()))] if draw(st.booleans()) else []
    else:
        kind = 0 if response else draw(st.sampled_from([0, 0, 1]))
        status = {"STATUS_RESULT_CODE": str(draw(st.integers(-99, 0))), "STATUS_RESULT_DESC": ""} if response else {}
        func = draw(st.sampled_from(["hello", "tars_ping"]) | _TEXTS)
        fields = [_integer(1, version), _integer(2, kind), _integer(3, 0), _integer(4, request_id), _text(5, "a.b.Obj")]
        fields += [_text(6, func), _bytes(7, buffer), _integer(8, draw(st.integers(-1, 2**31 - 1)))]
        fields += [_map(9, draw(_maps())), _map(10, status)]
    body = b"".join(fields) + (draw(st.sampled_from([b"", b"\xfa\x20\x0b", b"\xf9\x20\x00\x01\x0c"])))
    return Direction.TO_CLIENT if response else Direction.TO_SERVER, (len(body) + 4).to_bytes(4) + body


def _maps() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(_KEYS, _TEXTS, max_size=4)


def _integer(tag: int, value: int) -> bytes:
    if not value:
        return bytes((tag << 4 | 12,))
    kind = next(kind for kind in (0, 1, 2) if -(2 ** (8 * 2**kind - 1)) <= value < 2 ** (8 * 2**kind - 1))
    return bytes((tag << 4 | kind,)) + value.to_bytes(2**kind, signed=True)


def _text(tag: int, text: str) -> bytes:
    raw = text.encode()
    if len(raw) <= _LONGEST_SHORT:
        return bytes((tag << 4 | 6, len(raw))) + raw
    return bytes((tag << 4 | 7,)) + len(raw).to_bytes(4) + raw


def _bytes(tag: int, raw: bytes) -> bytes:
    return bytes((tag << 4 | 13, 0)) + _integer(0, len(raw)) + raw


def _map(tag: int, entries: dict[str, str]) -> bytes:
    written = b"".join(_text(0, key) + _text(1, value) for key, value in entries.items())
    return bytes((tag << 4 | 8,)) + _integer(0, len(entries)) + written
