"""Capture files: pcap, pcapng, and what is neither."""

import struct
from io import BytesIO
from pathlib import Path

import pytest

from metaprotocol_cli.capture import (
    CaptureError,
    Data,
    EndReason,
    SkipReason,
    is_capture,
    read_connections,
)
from metaprotocol_sdk import Direction

REAL = Path(__file__).with_name("real-loopback.pcap")


def times(events):
    return [event.timestamp for _, _, event in events if isinstance(event, Data)]


class TestPcap:
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize(("magic", "nanoseconds"), [(0xA1B2C3D4, 1_000_005_000), (0xA1B23C4D, 1_000_000_005)])
    def test_both_byte_orders_and_both_clocks_are_read(self, build, order, magic, nanoseconds):
        capture = build.pcap(build.frame(b"hi"), order=order, magic=magic)
        assert is_capture(capture[:4])
        events, report = build.read(capture)
        assert times(events) == [nanoseconds]
        assert (report.packets, report.segments) == (1, 1)

    def test_the_longer_records_of_kuznetzovs_variant_are_read(self, build):
        frame = build.frame(b"hi")
        record = struct.pack("<4IIHBB", 1, 5, len(frame), len(frame), 0, 0, 0, 0) + frame
        assert build.payload(build.pcap(magic=0xA1B2CD34) + record) == b"hi"

    def test_a_capture_without_packets_has_no_connections(self, build):
        assert build.read(build.pcap())[0] == []

    def test_a_pipe_that_gives_a_byte_at_a_time_is_read(self, build):
        class Pipe(BytesIO):
            def read(self, size=-1):
                return super().read(min(size, 1))

        events = list(read_connections(Pipe(build.pcap(build.frame(b"hi")))))
        assert events[0].event.data == b"hi"

    @pytest.mark.parametrize("missing", [1, 2, 56, 57, 71])
    def test_what_comes_before_a_cut_is_read_and_then_the_cut_is_an_error(self, build, missing):
        capture = build.pcap(build.frame(b"one"), build.frame(b"two", seq=1003))
        events = read_connections(BytesIO(capture[:-missing]))
        assert next(events).event.data == b"one"
        assert next(events).event.reason is EndReason.OPEN
        next(events)
        with pytest.raises(CaptureError, match=r"cut off inside .*packet 2") as raised:
            next(events)
        assert raised.value.offset == len(capture) - missing

    def test_a_record_of_an_impossible_size_is_an_error_that_says_where(self, build):
        capture = build.pcap(build.frame(b"one")) + struct.pack("<4I", 2, 0, 2**31, 2**31)
        with pytest.raises(CaptureError, match="packet 2 claims 2,147,483,648") as raised:
            build.read(capture)
        assert raised.value.offset == len(capture) - 16


class TestPcapng:
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_both_byte_orders_are_read(self, build, order):
        capture = (
            build.section(order)
            + build.interface(order=order)
            + build.enhanced(build.frame(b"hi"), ticks=7, order=order)
        )
        assert is_capture(capture[:12])
        assert times(build.read(capture)[0]) == [7000]

    def test_interfaces_have_their_own_link_types(self, build):
        packet = build.ipv4(build.tcp(b"two", seq=1003))
        capture = (
            build.section()
            + build.interface(1)
            + build.interface(101)
            + build.enhanced(build.frame(b"one"), interface=0)
            + build.enhanced(packet, interface=1)
        )
        assert build.payload(capture) == b"onetwo"

    def test_packets_of_an_interface_that_cannot_be_read_are_left_out_and_counted(self, build):
        capture = (
            build.section()
            + build.interface(1)
            + build.interface(220)
            + build.enhanced(b"usb", interface=1)
            + build.enhanced(build.frame(b"one"), interface=0)
        )
        events, report = build.read(capture)
        assert events[0].event.data == b"one"
        assert report.skipped[SkipReason.LINK_TYPE] == 1
        assert report.notes()[-1] == "link types that cannot be read: 220"

    @pytest.mark.parametrize(
        ("options", "nanoseconds"),
        [
            pytest.param(b"", 3000, id="microseconds-by-default"),
            pytest.param(struct.pack("<HHB3x", 9, 1, 9), 3, id="nanoseconds"),
            pytest.param(struct.pack("<HHB3x", 9, 1, 0x81), 1_500_000_000, id="half-seconds"),
            pytest.param(struct.pack("<HHq", 14, 8, 2), 2_000_003_000, id="offset"),
            pytest.param(struct.pack("<HH4s", 1, 3, b"eth") + struct.pack("<HHB3x", 9, 1, 3), 3_000_000, id="second"),
            pytest.param(struct.pack("<HH", 0, 0) + struct.pack("<HHB3x", 9, 1, 3), 3000, id="after-the-last"),
            pytest.param(struct.pack("<HHB3x", 9, 1, 0), 3_000_000_000, id="seconds"),
            pytest.param(struct.pack("<HHq", 14, 8, -9), 0, id="before-1970"),
            pytest.param(struct.pack("<HHq", 14, 8, 2**62), 253_402_300_799 * 10**9, id="after-9999"),
            pytest.param(struct.pack("<HH", 9, 40_000), 3000, id="cut-off"),
        ],
    )
    def test_each_interface_has_its_own_clock(self, build, options, nanoseconds):
        capture = build.section() + build.interface(options=options) + build.enhanced(build.frame(b"hi"), ticks=3)
        assert times(build.read(capture)[0]) == [nanoseconds]

    def test_simple_packets_have_no_time(self, build):
        frame = build.frame(b"hi")
        capture = build.section() + build.interface() + build.block(3, struct.pack("<I", len(frame)) + frame)
        events, _ = build.read(capture)
        assert events[0].event == Data(b"hi", 0, 0)

    def test_simple_packets_end_at_the_interfaces_snap_length(self, build):
        frame = build.frame(b"hi")
        body = struct.pack("<I", len(frame)) + frame[:-1]
        capture = build.section() + build.interface(snap_length=len(frame) - 1) + build.block(3, body)
        assert build.payload(capture) == b"h"

    def test_the_packet_blocks_of_old_are_read(self, build):
        frame = build.frame(b"hi")
        body = struct.pack("<HH4I", 0, 0, 0, 7, len(frame), len(frame)) + frame
        events, _ = build.read(build.section() + build.interface() + build.block(2, body))
        assert times(events) == [7000]

    def test_blocks_that_are_not_known_are_passed_over(self, build):
        capture = (
            build.section()
            + build.block(5, bytes(40))
            + build.block(0x0BAD, bytes(100_000))
            + build.interface()
            + build.enhanced(build.frame(b"hi"))
        )
        assert build.payload(capture) == b"hi"

    def test_a_new_section_has_new_interfaces_and_may_have_another_byte_order(self, build):
        capture = (
            build.section("<")
            + build.interface(101)
            + build.enhanced(build.ipv4(build.tcp(b"one")))
            + build.section(">")
            + build.interface(1, order=">")
            + build.enhanced(build.frame(b"two", seq=1003), order=">")
        )
        assert build.payload(capture) == b"onetwo"

    def test_what_comes_before_a_cut_is_read_and_then_the_cut_is_an_error(self, build):
        capture = build.section() + build.interface() + build.enhanced(build.frame(b"hi"))
        longer = capture + build.enhanced(build.frame(b"more", seq=1002))
        for size in range(len(capture) + 1, len(longer)):
            events = read_connections(BytesIO(longer[:size]))
            assert next(events).event.data == b"hi"
            with pytest.raises(CaptureError, match="cut off"):
                list(events)

    @pytest.mark.parametrize(
        ("damage", "what"),
        [
            pytest.param(lambda b: b.block(6, bytes(16)), "packet block is too short", id="short-packet"),
            pytest.param(lambda b: b.block(1, bytes(4)), "interface description is too short", id="short-interface"),
            pytest.param(lambda b: b.enhanced(b"x", interface=1), "interface 1, which is not", id="no-interface"),
            pytest.param(lambda b: b.block(6, struct.pack("<5I", 0, 0, 0, 9, 9)), "claims 9 captured", id="too-much"),
            pytest.param(lambda b: struct.pack("<II", 6, 8), "block claims 8 bytes", id="block-too-small"),
            pytest.param(lambda b: struct.pack("<II", 6, 33), "block claims 33 bytes", id="block-not-aligned"),
            pytest.param(lambda b: struct.pack("<II", 6, 2**32 - 4), "more than the", id="block-too-large"),
            pytest.param(lambda b: b.enhanced(b"")[:-4] + bytes(4), "ends with the length 0", id="lengths-differ"),
            pytest.param(lambda b: b.section()[:8] + bytes(20), "byte order", id="no-byte-order"),
            pytest.param(
                lambda b: b.section().replace(b"\x01\0\0\0\xff", b"\x09\0\0\0\xff"), "version 9", id="version"
            ),
            pytest.param(lambda b: struct.pack("<III", 0x0A0D0D0A, 12, 0x1A2B3C4D), "too short", id="short-section"),
            pytest.param(lambda b: b.block(0x0A0D0D0A, b"\x4d\x3c\x2b\x1a"), "too short", id="short-section-2"),
            pytest.param(lambda b: b.interface() * 4096, "more than 4,096 interfaces", id="interfaces"),
        ],
    )
    def test_damage_is_an_error_that_says_what_and_where(self, build, damage, what):
        start = build.section() + build.interface()
        with pytest.raises(CaptureError, match=what) as raised:
            build.read(start + damage(build) + bytes(12))
        assert raised.value.offset >= len(start)


class TestWhatIsNoCapture:
    @pytest.mark.parametrize(
        ("content", "what"),
        [
            pytest.param(b"", "the file is empty", id="empty"),
            pytest.param(b"GET / HTTP/1.1", "neither pcap nor pcapng", id="text"),
            pytest.param(b"\xd4\xc3\xb2", "neither pcap nor pcapng", id="too-short"),
        ],
    )
    def test_it_is_an_error_that_says_what_it_is(self, build, content, what):
        assert not is_capture(content)
        with pytest.raises(CaptureError) as raised:
            build.read(content)
        assert what in str(raised.value).replace(" (offset 0)", "")

    def test_pcapng_is_told_by_its_byte_order_too(self):
        assert is_capture(b"\n\r\r\n")
        assert not is_capture(b"\n\r\r\nGET / HTTP/1.1")


def test_two_connections_captured_on_a_real_loopback_interface():
    with REAL.open("rb") as file:
        events = list(read_connections(file, port=20880))
    streams, ends = {}, []
    for connection, direction, event in events:
        if isinstance(event, Data):
            key = connection.id, direction
            streams[key] = streams.get(key, b"") + event.data
        else:
            ends.append(event.reason)
    asked, answered = b"hello 0hello 1hello 2", b"reply:hello 0reply:hello 1reply:hello 2"
    assert streams == {
        (1, Direction.TO_SERVER): asked,
        (1, Direction.TO_CLIENT): answered,
        (2, Direction.TO_SERVER): asked,
        (2, Direction.TO_CLIENT): answered,
    }
    assert ends == [EndReason.FIN] * 4
