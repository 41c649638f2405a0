"""Packets inside packets, as overlay networks, mirrors and access lines send them."""

import struct

import pytest

from metaprotocol_cli.capture import SkipReason

VXLAN = b"\x08\0\0\0\0\0\x07\0"
NODES = {"source": ("192.168.0.1", 0), "destination": ("192.168.0.2", 0)}


def udp(port, body):
    return struct.pack(">HHHH", 54321, port, 8 + len(body), 0) + body


def gre(ethertype, body, flags=0, fields=b""):
    return struct.pack(">HH", flags, ethertype) + fields + body


def nflog(packet, order="<"):
    def attribute(kind, value):
        return struct.pack(order + "HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    return b"\x02\0\0\0" + attribute(10, b"prefix\0") + attribute(9, packet)


@pytest.fixture
def inner(build):
    """An IP packet that carries `hi`."""
    return build.ipv4(build.tcp(b"hi"))


@pytest.fixture
def bridged(build):
    """An Ethernet frame that carries `hi`."""
    return build.ethernet(build.ipv4(build.tcp(b"hi")), tags=(0x8100,))


class TestTunnels:
    @pytest.mark.parametrize(
        ("protocol", "wrap"),
        [
            pytest.param(17, lambda frame: udp(4789, VXLAN + frame), id="VXLAN"),
            pytest.param(17, lambda frame: udp(8472, VXLAN + frame), id="VXLAN of Linux and flannel"),
            pytest.param(17, lambda frame: udp(4790, b"\x0c\0\0\x03\0\0\x07\0" + frame), id="VXLAN-GPE"),
            pytest.param(17, lambda frame: udp(6081, b"\0\0\x65\x58\0\0\x07\0" + frame), id="Geneve"),
            pytest.param(
                17, lambda frame: udp(6081, b"\x02\0\x65\x58\0\0\x07\0" + bytes(8) + frame), id="with options"
            ),
            pytest.param(47, lambda frame: gre(0x6558, frame), id="GRE"),
            pytest.param(47, lambda frame: gre(0x6558, frame, 0x2000, b"key!"), id="GRE with a key (NVGRE)"),
            pytest.param(47, lambda frame: gre(0x6558, frame, 0xB000, b"sum.key!seq."), id="GRE with everything"),
            pytest.param(47, lambda frame: gre(0x88BE, bytes(8) + frame, 0x1000, b"seq."), id="ERSPAN"),
            pytest.param(47, lambda frame: gre(0x22EB, bytes(12) + frame, 0x1000, b"seq."), id="ERSPAN III"),
        ],
    )
    def test_an_ethernet_frame_inside_is_read(self, build, bridged, protocol, wrap):
        assert build.payload(build.pcap(build.ethernet(build.ipv4(wrap(bridged), protocol=protocol, **NODES)))) == b"hi"

    @pytest.mark.parametrize(
        ("protocol", "wrap"),
        [
            pytest.param(4, bytes, id="IP in IP"),
            pytest.param(47, lambda packet: gre(0x0800, packet), id="GRE"),
            pytest.param(17, lambda packet: udp(6081, b"\0\0\x08\0\0\0\x07\0" + packet), id="Geneve"),
            pytest.param(17, lambda packet: udp(4790, b"\x0c\0\0\x01\0\0\x07\0" + packet), id="VXLAN-GPE"),
        ],
    )
    def test_an_ip_packet_inside_is_read(self, build, inner, protocol, wrap):
        assert build.payload(build.pcap(build.ipv4(wrap(inner), protocol=protocol, **NODES), link_type=101)) == b"hi"
        assert build.payload(build.pcap(build.ipv6(wrap(inner), next_header=protocol), link_type=101)) == b"hi"

    def test_ipv6_inside_ipv4_is_read(self, build):
        packet = build.ipv4(build.ipv6(build.tcp(b"hi")), protocol=41, **NODES)
        assert build.payload(build.pcap(packet, link_type=101)) == b"hi"

    def test_tunnels_inside_tunnels_end(self, build, inner):
        def nested(depth):
            packet = inner
            for _ in range(depth):
                packet = build.ipv4(packet, protocol=4, **NODES)
            return build.pcap(packet, link_type=101)

        assert build.payload(nested(8)) == b"hi"
        _, report = build.read(nested(9))
        assert report.notes() == ["1 of 1 packets are not TCP: more than 8 tunnels (1 packet)"]


class TestLinks:
    @pytest.mark.parametrize(
        "header",
        [
            pytest.param(b"\x88\x64\x11\0\0\x07\0\0\0\x21", id="PPPoE"),
            pytest.param(b"\x88\x47\0\0\x71\x40", id="MPLS"),
            pytest.param(b"\x88\x47\0\0\x60\x40\0\0\x71\x40", id="MPLS, two labels"),
            pytest.param(b"\x81\0\0\x07\x88\x47\0\0\x71\x40", id="MPLS in a VLAN"),
        ],
    )
    def test_what_is_between_ethernet_and_ip_is_passed_over(self, build, inner, header):
        assert build.payload(build.pcap(bytes(12) + header + inner)) == b"hi"

    @pytest.mark.parametrize("header", [b"\0\x21", b"\x21", b"\xff\x03\0\x21"])
    def test_ppp_is_read(self, build, inner, header):
        assert build.payload(build.pcap(header + inner, link_type=9)) == b"hi"

    @pytest.mark.parametrize("order", "<>")
    def test_the_netfilter_log_is_read_in_the_byte_order_of_any_machine(self, build, inner, order):
        assert build.payload(build.pcap(nflog(inner, order), link_type=239)) == b"hi"


class TestWhatIsNotTcp:
    def test_packets_that_are_not_tcp_are_named_if_there_are_no_others(self, build):
        query, ping = (build.ipv4(body, protocol=number) for body, number in ((udp(53, bytes(9)), 17), (bytes(8), 1)))
        arp = bytes(12) + b"\x08\x06" + bytes(28)
        capture = build.pcap(*map(build.ethernet, (query, query, ping)), arp)
        _, report = build.read(capture)
        assert report.notes() == [
            "4 of 4 packets are not TCP: UDP port 53 (2 packets), ICMP (1 packet), ARP (1 packet)"
        ]

    def test_they_are_not_mentioned_beside_tcp(self, build):
        _, report = build.read(build.pcap(build.frame(b"hi"), build.ethernet(build.ipv4(bytes(8), protocol=1))))
        assert report.skipped[SkipReason.NOT_TCP] == 1
        assert report.notes() == []

    def test_a_port_that_the_capture_does_not_have_is_answered_with_those_that_it_has(self, build):
        _, report = build.read(build.pcap(build.frame(b"a"), build.frame(b"b", seq=1001)), port=80)
        assert report.notes(80) == ["no TCP packet is of port 80; those of the capture are of 20880 (2 packets)"]

    def test_connections_without_data_are_said(self, build):
        _, report = build.read(build.pcap(build.frame(flags=2), build.frame(source=build.server, flags=0x14)))
        assert report.notes() == ["the 2 TCP packets carry no data"]

    @pytest.mark.parametrize("size", range(0, 60, 3))
    def test_a_tunnel_that_is_cut_off_anywhere_is_skipped(self, build, bridged, size):
        packet = build.ipv4(udp(4789, VXLAN + bridged)[:size], protocol=17, **NODES)
        _, report = build.read(build.pcap(packet, link_type=101))
        assert report.segments == 0
        assert report.skipped.total() == 1
