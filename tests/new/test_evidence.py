"""For any header the length is found, and the id: streams are made of headers that hypothesis invents."""

from itertools import pairwise
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_cli.new.evidence import Conversation, find_ids, find_lengths, suggest
from metaprotocol_sdk import Direction

Order = Literal["big", "little"]


def message(order: Order, gap: bytes, number: int, id_size: int, length_size: int, counts: int, body: bytes) -> bytes:
    """Return a message: a magic, a gap, the id, the length and a body."""
    front = b"\xab\xcd" + gap + number.to_bytes(id_size, order)
    total = len(front) + length_size + len(body)
    return front + (total - counts).to_bytes(length_size, order) + body


@st.composite
def protocols(draw: st.DrawFn):
    """Draw a header, and a conversation in it: eight requests and their answers."""
    order = draw(st.sampled_from(["big", "little"]))
    gap = draw(st.binary(max_size=5))
    id_size = draw(st.sampled_from([2, 4, 8]))
    length_size = draw(st.sampled_from([2, 4]))
    header = 2 + len(gap) + id_size + length_size
    counts = draw(st.sampled_from([0, header]))
    first = draw(st.integers(0, 256**id_size - 9))
    bodies = draw(st.lists(st.binary(max_size=300), min_size=16, max_size=16))
    bodies[0], bodies[1] = b"", b"not of the same size"
    made = [
        message(order, gap, first + number % 8, id_size, length_size, counts, body)
        for number, body in enumerate(bodies)
    ]
    return order, 2 + len(gap), id_size, length_size, made


@given(protocols())
def test_a_length_is_found_that_cuts_the_streams_into_their_messages(protocol) -> None:
    _, _, _, _, made = protocol
    length = find_lengths([b"".join(made[:8]), b"".join(made[8:])])[0]
    sizes = [[after - before for before, after in pairwise(ends)] for ends in length.boundaries]
    assert sizes == [list(map(len, made[:8])), list(map(len, made[8:]))]


@given(protocols())
def test_an_id_is_found_where_the_id_is(protocol) -> None:
    order, offset, size, _, made = protocol
    streams = [b"".join(made[:8]), b"".join(made[8:])]
    conversation = dict(zip(Direction, streams, strict=True))
    identifier = find_ids([Conversation("", conversation)], find_lengths(streams)[0])[0]
    last = offset if order == "little" else offset + size - 1  # the byte that counts
    assert identifier.offset <= last < identifier.offset + identifier.size


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_any_bytes_are_looked_through_without_a_fault(streams: list[bytes]) -> None:
    for length in find_lengths(streams):
        assert all(
            ends[0] == 0 and ends[-1] == len(data) for ends, data in zip(length.boundaries, streams, strict=True)
        )
        assert length.messages >= 3
        assert length.message_sizes >= 2


def test_a_length_of_one_byte_leaves_the_byte_order_to_the_id() -> None:
    streams = [
        b"".join(
            b"\xab" + bytes([8 + body]) + (300 + number).to_bytes(4, "little") + bytes(2 + body)
            for number, body in calls
        )
        for calls in (((0, 1), (1, 2), (2, 0), (3, 9)), ((0, 3), (1, 0), (2, 0), (3, 1)))
    ]
    length = find_lengths(streams)[0]
    identifier = find_ids([Conversation("", dict(zip(Direction, streams, strict=True)))], length)[0]
    suggested = suggest(length, identifier)
    assert suggested["byte_order"] == "little"
    assert suggested["fields"] == ["length:1", "id:4"]


def test_connections_of_one_call_each_tell_no_more_than_they_can() -> None:
    streams = [
        (6 + size).to_bytes(2) + bytes([171, 0, 0, number]) + bytes(size) for number, size in enumerate((1, 2, 3, 4))
    ]
    length = find_lengths([stream for stream in streams for _ in range(2)])[0]
    for identifier in find_ids(
        [Conversation("", {Direction.TO_SERVER: stream, Direction.TO_CLIENT: stream}) for stream in streams], length
    ):
        assert not identifier.counts_up


def test_a_name_that_comes_back_is_no_id() -> None:
    names = (b"addition", b"division", b"multiply", b"subtract")
    calls = [(12 + size).to_bytes(2) + b"\xab\xcd" + name + bytes(size) for size, name in enumerate(names)]
    stream = b"".join(calls)
    length = find_lengths([stream, stream])[0]
    assert (length.offset, length.counts) == (0, "message")
    assert find_ids([Conversation("", {Direction.TO_SERVER: stream, Direction.TO_CLIENT: stream})], length) == []
