"""One packet: link types, IPv4, IPv6, TCP."""

import struct

import dpkt
import pytest

from metaprotocol_cli.capture import CaptureError, Data, Gap, SkipReason

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, ICMP = 0, 43, 44, 51, 60, 58


def cooked(ethertype=0x0800):
    return struct.pack(">HHH8sH", 0, 772, 6, b"", ethertype)


def cooked_2(ethertype=0x0800):
    return struct.pack(">HHIHBB8s", ethertype, 0, 1, 772, 0, 6, b"")


class TestLinkTypes:
    @pytest.mark.parametrize(
        ("link_type", "header"),
        [
            pytest.param(1, bytes(12) + b"\x08\0", id="ethernet"),
            pytest.param(113, cooked(), id="linux-cooked"),
            pytest.param(276, cooked_2(), id="linux-cooked-2"),
            pytest.param(0, struct.pack("<I", 2), id="null-little-endian"),
            pytest.param(0, struct.pack(">I", 2), id="null-big-endian"),
            pytest.param(108, struct.pack(">I", 2), id="loop"),
            *(pytest.param(number, b"", id=f"raw-{number}") for number in (12, 14, 101, 228)),
        ],
    )
    def test_ipv4_is_read_on(self, build, link_type, header):
        frame = header + build.ipv4(build.tcp(b"hi"))
        assert build.payload(build.pcap(frame, link_type=link_type)) == b"hi"

    @pytest.mark.parametrize(
        ("link_type", "header"),
        [
            pytest.param(1, bytes(12) + b"\x86\xdd", id="ethernet"),
            pytest.param(113, cooked(0x86DD), id="linux-cooked"),
            pytest.param(276, cooked_2(0x86DD), id="linux-cooked-2"),
            *(pytest.param(0, struct.pack("<I", family), id=f"null-{family}") for family in (10, 23, 24, 28, 30)),
            *(pytest.param(number, b"", id=f"raw-{number}") for number in (12, 101, 229)),
        ],
    )
    def test_ipv6_is_read_on(self, build, link_type, header):
        frame = header + build.ipv6(build.tcp(b"hi"))
        assert build.payload(build.pcap(frame, link_type=link_type)) == b"hi"

    @pytest.mark.parametrize("tags", [(0x8100,), (0x88A8, 0x8100), (0x9100, 0x8100), (0x8100,) * 3])
    def test_vlan_tags_are_passed_over(self, build, tags):
        frame = build.ethernet(build.ipv4(build.tcp(b"hi")), tags=tags)
        assert build.payload(build.pcap(frame)) == b"hi"

    def test_a_frame_check_sequence_in_the_file_header_does_not_change_the_link_type(self, build):
        assert build.payload(build.pcap(build.frame(b"hi"), link_type=0x2400_0001)) == b"hi"

    def test_a_link_type_that_cannot_be_read_is_an_error_with_its_number(self, build):
        with pytest.raises(CaptureError, match="link type 127"):
            build.read(build.pcap(build.frame(b"hi"), link_type=127))


class TestIpv4:
    def test_options_are_passed_over(self, build):
        packet = build.ipv4(build.tcp(b"hi"), options=bytes(8))
        assert build.payload(build.pcap(packet, link_type=101)) == b"hi"

    def test_the_padding_of_short_ethernet_frames_is_no_data(self, build):
        assert build.payload(build.pcap(build.frame(b"hi") + bytes(6))) == b"hi"

    def test_a_length_of_0_means_the_whole_frame(self, build):
        packet = build.ipv4(build.tcp(b"hi" * 40_000), len=0)
        assert build.payload(build.pcap(packet, link_type=101)) == b"hi" * 40_000

    @pytest.mark.parametrize("fields", [{"mf": 1}, {"offset": 3}])
    def test_fragments_are_left_out_and_counted(self, build, fields):
        events, report = build.read(build.pcap(build.ipv4(build.tcp(b"hi"), **fields), link_type=101))
        assert events == []
        assert report.skipped[SkipReason.FRAGMENT] == 1
        assert "1 of 1 packets are IP fragments" in report.notes()[0]

    def test_other_protocols_are_left_out_and_counted(self, build):
        _, report = build.read(build.pcap(build.ipv4(bytes(30), protocol=17), link_type=101))
        assert report.skipped[SkipReason.NOT_TCP] == 1

    @pytest.mark.parametrize("fields", [{"hl": 4}, {"hl": 15}, {"len": 19}, {"len": 39}])
    def test_headers_that_contradict_themselves_are_left_out_and_counted(self, build, fields):
        _, report = build.read(build.pcap(build.ipv4(build.tcp(), **fields), link_type=101))
        assert report.skipped[SkipReason.MALFORMED] == 1

    def test_packets_in_packets_without_end_do_no_harm(self, build):
        packet = b""
        for _ in range(3000):
            packet = dpkt.ip.IP(p=4, len=20 + len(packet)).pack_hdr() + packet
        _, report = build.read(build.pcap(packet, link_type=101))
        assert report.skipped[SkipReason.NOT_TCP] == 1


class TestIpv6:
    @pytest.mark.parametrize(
        ("number", "header"),
        [
            pytest.param(HOP_BY_HOP, b"\x06\x00" + bytes(6), id="hop-by-hop"),
            pytest.param(ROUTING, b"\x06\x02" + bytes(22), id="routing"),
            pytest.param(DESTINATION, b"\x06\x01" + bytes(14), id="destination"),
            pytest.param(AUTHENTICATION, b"\x06\x04" + bytes(22), id="authentication"),
            pytest.param(FRAGMENT, b"\x06\x00" + bytes(6), id="fragment-that-is-all"),
            pytest.param(HOP_BY_HOP, b"\x3c\x00" + bytes(6) + b"\x06\x00" + bytes(6), id="two"),
        ],
    )
    def test_extension_headers_are_passed_over(self, build, number, header):
        packet = build.ipv6(header + build.tcp(b"hi"), next_header=number)
        assert build.payload(build.pcap(packet, link_type=101)) == b"hi"

    @pytest.mark.parametrize("where", [b"\x00\x01", b"\x00\x08", b"\x10\x00"])
    def test_fragments_are_left_out_and_counted(self, build, where):
        packet = build.ipv6(b"\x06\x00" + where + bytes(4) + build.tcp(b"hi"), next_header=FRAGMENT)
        _, report = build.read(build.pcap(packet, link_type=101))
        assert report.skipped[SkipReason.FRAGMENT] == 1

    def test_a_length_of_0_means_the_whole_frame(self, build):
        packet = build.ipv6(build.tcp(b"hi"), length=0)
        assert build.payload(build.pcap(packet, link_type=101)) == b"hi"

    def test_padding_is_no_data(self, build):
        packet = build.ipv6(build.tcp(b"hi"))
        assert build.payload(build.pcap(packet + bytes(9), link_type=101)) == b"hi"

    def test_other_protocols_are_left_out_and_counted(self, build):
        _, report = build.read(build.pcap(build.ipv6(bytes(30), next_header=ICMP), link_type=101))
        assert report.skipped[SkipReason.NOT_TCP] == 1

    def test_an_extension_header_that_is_cut_off_is_left_out_and_counted(self, build):
        _, report = build.read(build.pcap(build.ipv6(b"\x06", next_header=HOP_BY_HOP), link_type=101))
        assert report.skipped[SkipReason.MALFORMED] == 1


class TestTcp:
    def test_options_are_passed_over(self, build):
        assert build.payload(build.pcap(build.frame(b"hi", options=bytes(12)))) == b"hi"

    @pytest.mark.parametrize("words", [4, 6])
    def test_a_header_shorter_or_longer_than_can_be_is_left_out_and_counted(self, build, words):
        body = bytearray(build.tcp())
        body[12] = words << 4
        _, report = build.read(build.pcap(build.ipv4(bytes(body)), link_type=101))
        assert report.skipped[SkipReason.MALFORMED] == 1

    def test_what_the_snap_length_cut_off_is_a_gap(self, build):
        frame = build.frame(b"0123456789")
        events, _ = build.read(build.pcap(frame[:-4], original=len(frame)))
        assert [event for _, _, event in events][:2] == [Data(b"012345", 1_000_005_000, 0), Gap(4, 1_000_005_000, 6)]

    def test_a_capture_of_headers_alone_gives_gaps(self, build):
        frame = build.frame(b"0123456789", options=bytes(12))
        events, _ = build.read(build.pcap(frame[:54], original=len(frame)))
        assert events[0].event == Gap(10, 1_000_005_000, 0)

    def test_a_length_of_0_in_a_cut_off_frame_counts_from_the_frames_length(self, build):
        packet = build.ipv4(build.tcp(b"0123456789"), len=0)
        events, _ = build.read(build.pcap(packet[:-4], original=len(packet), link_type=101))
        assert events[1].event == Gap(4, 1_000_005_000, 6)

    def test_a_capture_that_cut_off_the_header_itself_is_counted(self, build):
        frame = build.frame(b"0123456789")
        _, report = build.read(build.pcap(frame[:50], original=len(frame)))
        assert report.skipped[SkipReason.MALFORMED] == 1
        assert "headers that cannot be read" in report.notes()[0]
