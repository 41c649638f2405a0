"""One direction of a connection: segments in, the stream out."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_cli.capture import Data, End, EndReason, Gap, StreamReassembler
from metaprotocol_cli.capture.segment import ACK, FIN, RST, SYN

ISN = 1000


def opened(isn=ISN, **limits):
    stream = StreamReassembler(**limits)
    assert stream.feed(isn, SYN, b"", 0) == []
    return stream


def data_of(events):
    return b"".join(event.data for event in events if isinstance(event, Data))


def shape(events):
    """Events without their times."""
    return [
        event.data if isinstance(event, Data) else event.size if isinstance(event, Gap) else event.reason
        for event in events
    ]


class TestOrder:
    def test_segments_in_order_come_out_at_once(self):
        stream = opened()
        assert stream.feed(1001, ACK, b"ab", 7) == [Data(b"ab", 7, 0)]
        assert stream.feed(1003, ACK, b"c", 8) == [Data(b"c", 8, 2)]

    def test_a_segment_before_its_turn_waits_and_keeps_its_time(self):
        stream = opened()
        assert stream.feed(1003, ACK, b"c", 7) == []
        assert stream.buffered == 1
        assert stream.feed(1001, ACK, b"ab", 8) == [Data(b"ab", 8, 0), Data(b"c", 7, 2)]
        assert stream.buffered == 0

    def test_sequence_numbers_wrap(self):
        stream = opened(isn=2**32 - 2)
        assert shape(stream.feed(2**32 - 1, ACK, b"abc", 0)) == [b"abc"]
        assert shape(stream.feed(2, ACK, b"d", 0)) == [b"d"]

    def test_a_syn_with_the_highest_number_starts_the_stream_at_0(self):
        stream = opened(isn=2**32 - 1)
        assert shape(stream.feed(0, ACK, b"a", 0)) == [b"a"]

    def test_bytes_in_a_syn_are_the_streams_first(self):
        stream = StreamReassembler()
        assert shape(stream.feed(ISN, SYN, b"ab", 0)) == [b"ab"]
        assert shape(stream.feed(1001, ACK, b"abc", 0)) == [b"c"]

    def test_a_segment_further_ahead_than_any_window_is_ignored(self):
        stream = opened()
        assert stream.feed(1001 + 2**30, ACK, b"x", 0) == []
        assert stream.buffered == 0


class TestBytesThatComeTwice:
    def test_a_retransmission_gives_nothing(self):
        stream = opened()
        stream.feed(1001, ACK, b"abc", 0)
        assert stream.feed(1001, ACK, b"abc", 0) == []

    def test_a_longer_retransmission_gives_what_is_new(self):
        stream = opened()
        stream.feed(1001, ACK, b"abc", 0)
        assert stream.feed(1002, ACK, b"bcde", 9) == [Data(b"de", 9, 3)]

    def test_of_contradicting_bytes_the_first_captured_win(self):
        stream = opened()
        stream.feed(1003, ACK, b"CD", 0)
        stream.feed(1006, ACK, b"F", 0)
        assert data_of(stream.feed(1001, ACK, b"abcdefg", 0)) == b"abCDeFg"

    def test_a_repeated_syn_gives_nothing(self):
        stream = opened()
        stream.feed(1001, ACK, b"a", 0)
        assert stream.feed(ISN, SYN, b"", 0) == []

    def test_a_keep_alive_probe_gives_nothing(self):
        stream = opened()
        stream.feed(1001, ACK, b"abc", 0)
        assert stream.feed(1003, ACK, b"", 0) == []
        assert stream.feed(1003, ACK, b"\0", 0) == []
        assert shape(stream.feed(1004, ACK, b"d", 0)) == [b"d"]

    def test_a_zero_window_probe_carries_the_streams_next_byte(self):
        stream = opened()
        stream.feed(1001, ACK, b"abc", 0)
        assert shape(stream.feed(1004, ACK, b"d", 0)) == [b"d"]
        assert shape(stream.feed(1004, ACK, b"def", 0)) == [b"ef"]


class TestGaps:
    def test_bytes_the_peer_has_acknowledged_and_the_capture_lacks_are_a_gap(self):
        stream = opened()
        stream.feed(1004, ACK, b"d", 5)
        assert stream.acknowledge(1005) == [Gap(3, 5, 0), Data(b"d", 5, 3)]

    def test_a_hole_the_peer_still_waits_for_is_no_gap(self):
        stream = opened()
        stream.feed(1004, ACK, b"d", 0)
        assert stream.acknowledge(1001) == []
        assert shape(stream.feed(1001, ACK, b"abc", 0)) == [b"abc", b"d"]

    def test_an_acknowledgment_captured_before_its_bytes_is_no_gap(self):
        stream = opened()
        assert stream.acknowledge(1004) == []
        assert shape(stream.feed(1001, ACK, b"abc", 0)) == [b"abc"]

    def test_only_the_holes_before_the_acknowledgment_become_gaps(self):
        stream = opened()
        stream.feed(1002, ACK, b"b", 0)
        stream.feed(1004, ACK, b"d", 0)
        assert shape(stream.acknowledge(1003)) == [1, b"b"]

    def test_too_many_waiting_bytes_turn_the_hole_into_a_gap(self):
        stream = opened(max_bytes=4)
        assert stream.feed(1003, ACK, b"cd", 0) == []
        assert shape(stream.feed(1006, ACK, b"fgh", 0)) == [2, b"cd"]
        assert stream.buffered == 3

    def test_too_many_waiting_pieces_turn_the_hole_into_a_gap(self):
        stream = opened(max_pieces=2)
        stream.feed(1002, ACK, b"b", 0)
        stream.feed(1004, ACK, b"d", 0)
        assert shape(stream.feed(1006, ACK, b"f", 0)) == [1, b"b"]

    def test_holes_that_are_left_at_the_end_are_gaps(self):
        stream = opened()
        stream.feed(1003, ACK, b"c", 4)
        assert stream.finish(EndReason.OPEN) == [Gap(2, 4, 0), Data(b"c", 4, 2), End(EndReason.OPEN, 4, 3)]

    def test_bytes_that_the_capture_cut_off_are_a_gap_at_once(self):
        stream = opened()
        assert shape(stream.feed(1001, ACK, b"ab", 0, missing=3)) == [b"ab", 3]
        assert shape(stream.feed(1006, ACK, b"f", 0)) == [b"f"]

    def test_bytes_that_the_capture_cut_off_wait_for_their_turn_too(self):
        stream = opened()
        assert stream.feed(1002, ACK, b"b", 0, missing=2) == []
        assert shape(stream.feed(1001, ACK, b"a", 0)) == [b"a", b"b", 2]


class TestMidStream:
    def test_without_a_syn_the_first_segment_starts_the_stream(self):
        stream = StreamReassembler()
        assert shape(stream.feed(5000, ACK, b"ab", 0)) == [b"ab"]
        assert stream.started_mid_stream

    def test_with_a_syn_the_start_is_known(self):
        assert not opened().started_mid_stream

    def test_an_empty_segment_does_not_start_a_stream(self):
        stream = StreamReassembler()
        assert stream.feed(4999, ACK, b"", 0) == []  # a keep-alive probe: one too low
        assert shape(stream.feed(5000, ACK, b"ab", 0)) == [b"ab"]


class TestEnd:
    def test_a_fin_ends_the_stream_after_its_bytes(self):
        stream = opened()
        assert stream.feed(1001, ACK | FIN, b"ab", 3) == [Data(b"ab", 3, 0), End(EndReason.FIN, 3, 2)]
        assert stream.ended

    def test_a_fin_before_its_turn_waits(self):
        stream = opened()
        assert stream.feed(1003, ACK | FIN, b"", 0) == []
        assert shape(stream.feed(1001, ACK, b"ab", 0)) == [b"ab", EndReason.FIN]

    def test_an_acknowledged_fin_turns_the_hole_before_it_into_a_gap(self):
        stream = opened()
        stream.feed(1003, ACK | FIN, b"", 0)
        assert stream.acknowledge(1003) == []
        assert shape(stream.acknowledge(1004)) == [2, EndReason.FIN]

    def test_bytes_behind_a_fin_are_no_part_of_the_stream(self):
        stream = opened()
        stream.feed(1005, ACK, b"x", 0)
        stream.feed(1003, ACK | FIN, b"", 0)
        assert shape(stream.finish(EndReason.OPEN)) == [2, EndReason.FIN]

    def test_a_reset_hands_out_what_waits_and_ends_the_stream(self):
        stream = opened()
        stream.feed(1003, ACK, b"c", 0)
        assert shape(stream.feed(1001, RST, b"why", 0)) == [2, b"c", EndReason.RESET]

    def test_nothing_follows_the_end(self):
        stream = opened()
        stream.feed(1001, ACK | FIN, b"", 0)
        assert stream.feed(1001, ACK, b"more", 0) == []
        assert stream.acknowledge(2000) == []
        assert stream.finish(EndReason.OPEN) == []

    def test_an_empty_stream_has_an_end_too(self):
        assert StreamReassembler().finish(EndReason.OPEN) == [End(EndReason.OPEN, 0, 0)]


@st.composite
def segmentations(draw):
    """A stream, the segments that carry it, cut anywhere, and one order of capture with repetitions and overlaps."""
    content = draw(st.binary(min_size=1, max_size=300))
    cuts = sorted(draw(st.sets(st.integers(1, len(content)), max_size=20)) | {0, len(content)})
    spans = list(pairwise(cuts))
    again = draw(st.lists(st.tuples(st.integers(0, len(content)), st.integers(0, len(content))), max_size=10))
    spans += [(min(pair), max(pair)) for pair in again]
    window = draw(st.integers(0, 8))
    order = sorted(range(len(spans)), key=lambda index: index + draw(st.integers(0, window)))
    return content, [spans[index] for index in order]


isns = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 400, 2**32 - 1))


@given(segmentations(), isns)
def test_any_cutting_order_and_repetition_gives_the_stream(plan, isn):
    content, spans = plan
    stream = opened(isn)
    events = []
    for start, end in spans:
        events += stream.feed((isn + 1 + start) % 2**32, ACK, content[start:end], 0)
    events += stream.feed((isn + 1 + len(content)) % 2**32, ACK | FIN, b"", 0)
    assert data_of(events) == content
    assert events[-1] == End(EndReason.FIN, 0, len(content))
    assert not any(isinstance(event, Gap) for event in events)
    assert stream.buffered == 0


@given(segmentations(), isns, st.data())
def test_lost_segments_become_gaps_of_their_size_in_their_place(plan, isn, data):
    content, spans = plan
    lost = data.draw(st.sets(st.sampled_from(range(len(spans)))))
    stream = opened(isn)
    events, known = [], bytearray(len(content))
    for index, (start, end) in enumerate(spans):
        if index not in lost:
            known[start:end] = b"\1" * (end - start)
            events += stream.feed((isn + 1 + start) % 2**32, ACK, content[start:end], 0)
    events += stream.feed((isn + 1 + len(content)) % 2**32, ACK | FIN, b"", 0)
    events += stream.finish(EndReason.OPEN)
    position = 0
    for event in events[:-1]:
        size = len(event.data) if isinstance(event, Data) else event.size
        assert event.stream_offset == position
        if isinstance(event, Data):
            assert event.data == content[position : position + size]
        else:
            assert not any(known[position : position + size])
        position += size
    assert len(data_of(events)) == sum(known)
    assert events[-1] == End(EndReason.FIN, 0, len(content))


@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.integers(-50, 50) | st.integers(0, 2**32 - 1),
                st.integers(0, 31),
                st.binary(max_size=20),
                st.integers(0, 30) | st.integers(0, 70_000),
            ),
            st.integers(-50, 50) | st.integers(0, 2**32 - 1),
        ),
        max_size=60,
    ),
    st.integers(0, 2**32 - 1),
)
def test_whatever_comes_the_events_adjoin_and_memory_is_bounded(steps, base):
    stream = StreamReassembler(max_bytes=64, max_pieces=8)
    events = []
    for step in steps:
        if isinstance(step, int):
            events += stream.acknowledge((base + step) % 2**32)
        else:
            sequence, flags, payload, missing = step
            events += stream.feed((base + sequence) % 2**32, flags, payload, 0, missing)
        assert 0 <= stream.buffered <= 64
    events += stream.finish(EndReason.OPEN)
    position = 0
    for event in events:
        assert event.stream_offset == position
        if isinstance(event, Data):
            assert event.data
            position += len(event.data)
        elif isinstance(event, Gap):
            assert event.size > 0
            position += event.size
    assert [event for event in events if isinstance(event, End)] == events[-1:]
