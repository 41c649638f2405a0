"""The strategies that authors use in tests of their own: what they generate, and what it shrinks to."""

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from toys.memo import MemoCodec
from toys.planted import Sound

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import HEADER
from metaprotocol_sdk import Codec, Direction, MessageDecoder
from metaprotocol_sdk.testing import strategies

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
STREAMS = strategies.streams(strategies.from_codec(AwesomeRpcCodec))
PLAIN = settings(database=None, derandomize=True)


def messages_of(codec: Codec, direction: Direction, data: bytes) -> list[bytes]:
    decoder = MessageDecoder(codec, direction)
    return [metadata.message for metadata in decoder.feed(data)]


@PLAIN
@given(strategies.from_codec(AwesomeRpcCodec))
def test_messages_from_a_codec_are_framed_by_it(message: tuple[Direction, bytes]) -> None:
    direction, data = message
    assert messages_of(AwesomeRpcCodec(), direction, data) == [data]


@PLAIN
@given(STREAMS)
def test_a_stream_is_some_messages_of_one_direction(stream: tuple[Direction, bytes]) -> None:
    direction, data = stream
    messages = messages_of(AwesomeRpcCodec(), direction, data)
    assert 1 <= len(messages) <= 4
    assert b"".join(messages) == data


def test_a_stream_of_two_messages_is_found_and_shrinks_to_two_short_ones() -> None:
    _, data = find(STREAMS, lambda stream: len(messages_of(AwesomeRpcCodec(), *stream)) == 2, settings=PLAIN)
    shortest = min(len(data) for _, data in AwesomeRpcCodec().examples())
    assert len(data) <= 2 * shortest + 8


def test_messages_that_are_given_are_among_those_that_are_generated() -> None:
    recorded, drawn = b"P\0\3rec", b"P\0\5drawn"
    generated = strategies.from_codec(Sound, vectors=[[(TO_CLIENT, recorded)]], messages=st.just((TO_SERVER, drawn)))
    for wanted in ((TO_CLIENT, recorded), (TO_SERVER, drawn)):
        assert find(generated, lambda message, wanted=wanted: message == wanted, settings=PLAIN) == wanted


def test_a_codec_that_gives_nothing_to_begin_with_is_a_mistake() -> None:
    class Silent(Sound):
        def examples(self):
            return ()

    with pytest.raises(ValueError, match="neither examples nor a layout"):
        strategies.from_codec(Silent)


@pytest.mark.parametrize("codec", [AwesomeRpcCodec, MemoCodec])
def test_messages_from_a_layout_have_the_length_that_they_are(codec: type[Codec]) -> None:
    assert codec.layout is not None

    @PLAIN
    @given(strategies.from_layout(codec.layout, codec.framing))
    def is_framed(data: bytes) -> None:
        assert messages_of(codec(), TO_SERVER, data) == [data]

    is_framed()


def test_messages_from_a_layout_shrink_to_a_header_of_zeros() -> None:
    data = find(strategies.from_layout(HEADER, AwesomeRpcCodec.framing), lambda data: True, settings=PLAIN)
    zeros = dict.fromkeys((field.name for field in HEADER.variables), 0)
    assert data == HEADER.build(zeros | {"length": HEADER.size})


@PLAIN
@given(st.binary(max_size=30).flatmap(lambda data: st.tuples(st.just(data), strategies.cut_points(data))))
def test_cut_points_are_places_in_the_stream_in_ascending_order(cut: tuple[bytes, tuple[int, ...]]) -> None:
    data, points = cut
    assert list(points) == sorted(points)
    assert all(0 <= point <= len(data) for point in points)


def test_damage_shrinks_to_none() -> None:
    assert find(strategies.damaged(b"a message"), lambda data: True, settings=PLAIN) == b"a message"


def test_mutations_change_what_is_there_and_bring_what_is_not() -> None:
    changes = strategies.mutations({"user": "ann"})
    assert find(changes, lambda mutation: mutation.get("user", "") is None, settings=PLAIN) == {"user": None}
    assert find(changes, lambda mutation: bool(mutation.keys() - {"user"}), settings=PLAIN)
