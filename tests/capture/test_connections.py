"""Segments to connections: which one, which side is the server, where it ends."""

import pytest

from metaprotocol_cli.capture import CaptureReport, ConnectionTracker, Data, EndReason, Gap, SkipReason
from metaprotocol_cli.capture.segment import ACK, FIN, RST, SYN, Segment
from metaprotocol_sdk import Direction

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
A, B = (bytes([10, 0, 0, 1]), 40000), (bytes([10, 0, 0, 2]), 20880)


def segment(payload=b"", *, seq=0, ack=0, flags=ACK, source=A, destination=B, timestamp=0):
    return Segment(timestamp, source, destination, seq, ack, flags, payload)


def back(payload=b"", **fields):
    return segment(payload, source=B, destination=A, **fields)


HANDSHAKE = (segment(seq=100, flags=SYN), back(seq=500, ack=101, flags=SYN | ACK), segment(seq=101, ack=501))


def run(*segments, finish=True, **options):
    tracker = ConnectionTracker(**options)
    events = [event for one in segments for event in tracker.feed(one)]
    return [*events, *tracker.finish()] if finish else events


def shape(events):
    return [
        (
            connection.id,
            direction,
            event.data if isinstance(event, Data) else event.size if isinstance(event, Gap) else event.reason,
        )
        for connection, direction, event in events
    ]


class TestSides:
    def test_the_syn_goes_to_the_server(self):
        (connection, direction, _), *_ = run(
            segment(seq=100, flags=SYN, source=B, destination=A), back(b"hi", seq=101, ack=1)
        )
        assert (connection.client, connection.server) == ("10.0.0.2:20880", "10.0.0.1:40000")
        assert direction is TO_SERVER
        assert not connection.server_is_a_guess

    def test_a_syn_ack_comes_from_the_server(self):
        (connection, *_), *_ = run(segment(seq=100, flags=SYN | ACK))
        assert connection.server == "10.0.0.1:40000"

    def test_without_a_syn_the_lower_port_is_taken_for_the_servers(self):
        (connection, direction, _), *_ = run(back(b"hi"))
        assert (connection.server, direction) == ("10.0.0.2:20880", TO_CLIENT)
        assert connection.server_is_a_guess

    def test_the_callers_port_is_the_servers_whoever_sent_the_syn(self):
        (connection, *_), *_ = run(segment(seq=100, flags=SYN), port=40000)
        assert connection.server == "10.0.0.1:40000"
        assert not connection.server_is_a_guess

    def test_where_both_ports_are_the_callers_the_syn_decides(self):
        other = (A[0], B[1])
        (connection, *_), *_ = run(segment(seq=100, flags=SYN, source=other), port=B[1])
        assert connection.server == "10.0.0.2:20880"

    def test_connections_of_other_ports_are_left_out_and_counted(self):
        report = CaptureReport()
        assert run(segment(b"hi"), port=80, report=report) == []
        assert report.skipped[SkipReason.OTHER_PORT] == 1

    def test_ipv6_addresses_are_written_in_brackets(self):
        (connection, *_), *_ = run(segment(b"hi", source=(bytes(15) + b"\1", 5), destination=(bytes(15) + b"\2", 6)))
        assert {connection.client, connection.server} == {"[::1]:5", "[::2]:6"}


class TestStreams:
    def test_both_directions_come_in_the_order_of_the_capture(self):
        events = run(
            *HANDSHAKE,
            segment(b"ping", seq=101, ack=501),
            back(b"pong", seq=501, ack=105),
            segment(b"ping", seq=105, ack=505),
        )
        assert shape(events)[:3] == [(1, TO_SERVER, b"ping"), (1, TO_CLIENT, b"pong"), (1, TO_SERVER, b"ping")]

    def test_an_acknowledgment_of_the_other_side_turns_a_hole_into_a_gap_before_its_own_bytes(self):
        events = run(*HANDSHAKE, segment(b"d", seq=104, ack=501), back(b"pong", seq=501, ack=105))
        assert shape(events)[:3] == [(1, TO_SERVER, 3), (1, TO_SERVER, b"d"), (1, TO_CLIENT, b"pong")]

    def test_connections_are_numbered_by_their_first_packets(self):
        other = (A[0], 40001)
        events = run(segment(seq=1, flags=SYN), segment(b"x", source=other), segment(b"y", seq=2))
        assert shape(events)[:2] == [(2, TO_SERVER, b"x"), (1, TO_SERVER, b"y")]

    @pytest.mark.parametrize(("packets", "expected"), [(HANDSHAKE, False), ((), True)])
    def test_a_connection_tells_whether_its_start_was_captured(self, packets, expected):
        (connection, *_), *_ = run(*packets, segment(b"a", seq=101, ack=501), back(b"b", seq=501, ack=102))
        assert connection.started_mid_stream(TO_SERVER) is expected
        assert connection.started_mid_stream(TO_CLIENT) is expected

    def test_a_syn_captured_after_the_syn_ack_belongs_to_it(self):
        events = run(HANDSHAKE[1], HANDSHAKE[0], segment(b"a", seq=101))
        assert shape(events)[0] == (1, TO_SERVER, b"a")
        assert not events[0].connection.started_mid_stream(TO_SERVER)

    def test_what_waits_in_all_connections_together_is_bounded(self):
        other = (A[0], 40001)
        events = run(
            *HANDSHAKE,
            segment(seq=100, flags=SYN, source=other),
            segment(b"four", seq=111),
            segment(b"more", seq=111, source=other),
            finish=False,
            max_buffered_bytes=6,
        )
        assert shape(events) == [(2, TO_SERVER, 10), (2, TO_SERVER, b"more")]


class TestEnds:
    def test_each_direction_ends_by_its_own_fin(self):
        events = run(
            *HANDSHAKE,
            segment(seq=101, ack=501, flags=ACK | FIN),
            back(b"late", seq=501, ack=102),
            back(seq=505, ack=102, flags=ACK | FIN),
        )
        assert shape(events) == [
            (1, TO_SERVER, EndReason.FIN),
            (1, TO_CLIENT, b"late"),
            (1, TO_CLIENT, EndReason.FIN),
        ]

    def test_a_reset_ends_both_directions(self):
        events = run(*HANDSHAKE, back(seq=501, flags=RST))
        assert shape(events) == [(1, TO_CLIENT, EndReason.RESET), (1, TO_SERVER, EndReason.RESET)]

    def test_a_connection_still_open_at_the_end_of_the_capture_says_so(self):
        assert shape(run(*HANDSHAKE)) == [(1, TO_SERVER, EndReason.OPEN), (1, TO_CLIENT, EndReason.OPEN)]

    def test_bytes_after_the_end_are_left_out_and_counted(self):
        report = CaptureReport()
        events = run(*HANDSHAKE, segment(seq=101, flags=RST), back(b"late", seq=501), report=report)
        assert len(events) == 2
        assert report.skipped[SkipReason.AFTER_END] == 1

    def test_the_rest_of_a_connection_from_before_the_capture_is_none(self):
        assert run(segment(seq=5), segment(seq=5, flags=ACK | FIN), back(seq=9, flags=RST)) == []


class TestReusedAddresses:
    def test_a_syn_with_another_number_starts_a_new_connection(self):
        events = run(*HANDSHAKE, segment(b"old", seq=101), segment(seq=7000, flags=SYN), segment(b"new", seq=7001))
        assert shape(events) == [
            (1, TO_SERVER, b"old"),
            (1, TO_SERVER, EndReason.OPEN),
            (1, TO_CLIENT, EndReason.OPEN),
            (2, TO_SERVER, b"new"),
            (2, TO_SERVER, EndReason.OPEN),
            (2, TO_CLIENT, EndReason.OPEN),
        ]

    def test_a_repeated_syn_does_not(self):
        events = run(*HANDSHAKE, segment(seq=100, flags=SYN), segment(b"a", seq=101))
        assert shape(events)[0] == (1, TO_SERVER, b"a")

    def test_a_new_connection_may_follow_a_closed_one(self):
        events = run(*HANDSHAKE, segment(seq=101, flags=RST), segment(seq=7000, flags=SYN), segment(b"x", seq=7001))
        assert shape(events)[2] == (2, TO_SERVER, b"x")

    def test_bytes_far_from_where_a_connection_ended_are_a_new_ones(self):
        events = run(*HANDSHAKE, segment(seq=101, flags=RST), segment(b"x", seq=2**31))
        assert shape(events)[2] == (2, TO_SERVER, b"x")
        assert events[2].connection.started_mid_stream(TO_SERVER)


class TestBounds:
    def test_the_connection_silent_for_longest_gives_way(self):
        sources = [(A[0], port) for port in (1, 2, 3)]
        one, two, three = (segment(b"x", source=source) for source in sources)
        events = run(one, two, one, three, finish=False, max_open=2)
        assert [(number, what) for number, _, what in shape(events)] == [
            (1, b"x"),
            (2, b"x"),
            (2, EndReason.OPEN),
            (2, EndReason.OPEN),
            (3, b"x"),
        ]

    def test_closed_connections_are_forgotten_in_time(self):
        tracker = ConnectionTracker(max_closed=1)
        for port in range(1, 10):
            tracker.feed(segment(b"x", source=(A[0], port)))
            tracker.feed(segment(source=(A[0], port), flags=RST))
        assert len(tracker._closed) == 1
        assert not tracker._open
