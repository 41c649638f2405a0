"""A protocol that ends in the middle of a connection, which goes on with bytes of another kind."""

from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import HELLO, TLS, UPGRADE, Upgrading, UpgradingScanner, byte_by_byte, codec_for, cut_anywhere

from metaprotocol_sdk import Codec, Direction, Framing, LimitExceeded, Limits, MessageDecoder, Scanner


def codec(**limits: int) -> Codec:
    return codec_for(Upgrading(), limits=Limits(**limits))


def read(chunks: list[bytes]) -> tuple[list[bytes], bytes]:
    decoder = MessageDecoder(codec(), Direction.TO_SERVER)
    messages, opaque = [], b""
    for chunk in chunks:
        messages += [metadata.message for metadata in decoder.feed(chunk)]
        opaque += decoder.take_opaque()
    decoder.eof()
    return messages, opaque


@given(st.binary(max_size=20), st.data())
def test_messages_and_opaque_bytes_are_the_same_however_the_stream_was_cut(rest: bytes, data: st.DataObject) -> None:
    chunks = data.draw(cut_anywhere(HELLO + UPGRADE + rest))
    assert read(chunks) == ([HELLO, UPGRADE], rest)


def test_a_decoder_knows_that_its_protocol_has_ended() -> None:
    decoder = MessageDecoder(codec(), Direction.TO_SERVER)
    decoder.feed(HELLO + UPGRADE)
    assert not decoder.opaque  # nothing has come yet that would show it
    decoder.feed(TLS)
    assert decoder.opaque
    assert (decoder.take_opaque(), decoder.take_opaque()) == (TLS, b"")


def test_the_bytes_of_a_message_that_has_begun_are_handed_through_too() -> None:
    class Second(UpgradingScanner):
        def scan(self, data: bytes, start: int) -> int:
            end = super().scan(data, start)
            return Scanner.OPAQUE if end < 0 and self.message.startswith(b"\x09?") else end

    framing = type("Framed", (Framing,), {"scanner": lambda *_: Second()})()
    decoder = MessageDecoder(codec_for(framing), Direction.TO_SERVER)
    for piece in byte_by_byte(HELLO + b"\x09?and so on"):
        decoder.feed(piece)
    assert decoder.take_opaque() == b"\x09?and so on"


def test_opaque_bytes_that_nobody_takes_are_bounded() -> None:
    decoder = MessageDecoder(codec(max_message_size=10), Direction.TO_SERVER)
    decoder.feed(UPGRADE)
    for _ in range(10):
        decoder.feed(TLS)
        if decoder.stream_error is not None:
            break
    assert isinstance(decoder.stream_error, LimitExceeded)


def test_one_feed_may_bring_more_opaque_bytes_than_a_message_may_have() -> None:
    decoder = MessageDecoder(codec(max_message_size=10), Direction.TO_SERVER)
    decoder.feed(UPGRADE + 10 * TLS)
    assert (decoder.take_opaque(), decoder.stream_error) == (10 * TLS, None)
