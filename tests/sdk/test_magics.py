"""Protocols in which a message begins with one of several magics, such as bRPC's PRPC and STRM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import byte_by_byte, codec_for, cut_anywhere, outcome

from metaprotocol_sdk import FramingError, HeaderLength, LengthField

FRAMINGS = [
    LengthField(4, 4, magic=(b"PRPC", b"STRM")),
    HeaderLength(8, lambda header: 8 + int.from_bytes(header[4:]), magic=(b"PRPC", b"STRM")),
]


def message(magic: bytes, body: bytes) -> bytes:
    return magic + len(body).to_bytes(4) + body


@pytest.mark.parametrize("framing", FRAMINGS)
@given(data=st.data())
def test_messages_of_every_magic_come_out(framing: LengthField | HeaderLength, data: st.DataObject) -> None:
    parts = st.builds(message, st.sampled_from([b"PRPC", b"STRM"]), st.binary(max_size=9))
    messages = data.draw(st.lists(parts, max_size=4))
    stream = b"".join(messages)
    result = outcome(codec_for(framing), data.draw(cut_anywhere(stream)))
    assert (result.pieces, result.error) == (messages, None)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("wrong", "offset"), [(b"HTTP", 0), (b"PRxx", 2), (b"STRX", 3)])
def test_a_wrong_magic_is_refused_at_the_first_byte_that_none_has(
    framing: LengthField | HeaderLength, wrong: bytes, offset: int
) -> None:
    for chunks in ([message(wrong, b"")], byte_by_byte(wrong)):
        result = outcome(codec_for(framing), chunks)
        assert (result.error, result.offset) == (FramingError, offset)
        assert f"begins with {wrong[: offset + 1].hex()}, not with the magic 50525043 or 5354524d" in result.text


@pytest.mark.parametrize("magic", [("PRPC",), (b"", b"STRM"), (b"toolongmagic",)])
def test_magics_that_cannot_be_are_refused_when_the_framing_is_made(magic: tuple[bytes, ...]) -> None:
    with pytest.raises((TypeError, ValueError), match="magic must"):
        LengthField(4, 4, magic=magic)
