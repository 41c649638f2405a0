"""Reads TCP segments from the frames of a capture: link types, IPv4, IPv6, TCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import dpkt
from dpkt import ethernet, ip

from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.frames import read_frames
from metaprotocol_cli.capture.report import CaptureReport, SkipReason
from metaprotocol_cli.capture.segment import Segment
from metaprotocol_cli.capture.source import MAX_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from metaprotocol_cli.capture.source import Frame

_ETHERNET, _LINUX_COOKED, _LINUX_COOKED_2 = 1, 113, 276
_ETHERTYPE_AND_PAYLOAD = {_ETHERNET: (12, 14), _LINUX_COOKED: (14, 16), _LINUX_COOKED_2: (0, 20)}
_RAW_IP = {12, 14, 101, 228, 229}  # RAW of the BSDs; LINKTYPE_RAW; IPv4; IPv6
_LOOPBACK = {0, 108}  # NULL, in the byte order of whoever captured; LOOP, in network byte order
_LOOPBACK_FAMILIES = {2, 10, 23, 24, 28, 30}  # AF_INET; AF_INET6 of Linux, Windows, NetBSD, FreeBSD, macOS
_LINK_TYPES = {*_ETHERTYPE_AND_PAYLOAD, *_RAW_IP, *_LOOPBACK}

_VLAN_TYPES = {
    number.to_bytes(2, "big")
    for number in (ethernet.ETH_TYPE_8021Q, ethernet.ETH_TYPE_8021AD, ethernet.ETH_TYPE_QINQ1, ethernet.ETH_TYPE_QINQ2)
}
_IP_TYPES = {number.to_bytes(2, "big") for number in (ethernet.ETH_TYPE_IP, ethernet.ETH_TYPE_IP6)}

# IPv6 extension headers whose second byte counts 8 bytes more than the first 8
_EXTENSIONS = {ip.IP_PROTO_HOPOPTS, ip.IP_PROTO_ROUTING, ip.IP_PROTO_DSTOPTS, 135, 139, 140}


class _Ipv4(dpkt.ip.IP):  # type: ignore[misc] # dpkt has no types
    # dpkt would parse the payload too, and packets inside packets without end.
    _protosw: ClassVar[dict[int, Any]] = {}


class _Ipv6Header(dpkt.ip6.IP6):  # type: ignore[misc] # dpkt has no types
    def unpack(self, buf: bytes) -> None:
        # Only the fixed header. dpkt copies the rest of the packet for each extension header.
        dpkt.Packet.unpack(self, buf)


class _Skip(Exception):
    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_segments(file: BinaryIO, report: CaptureReport) -> Iterator[Segment]:
    """Read the TCP segments of a capture, in the order of the file.

    Args:
        file: A pcap or pcapng file at its start; it is read forward only.
        report: Counts the packets, and those that were skipped.

    Raises:
        CaptureError: The file is not a capture, is damaged or is cut off; the segments before the damage come first.
            Or no packet could be read, because of the link type.
    """
    for frame in read_frames(file):
        report.packets += 1
        try:
            segment = _read_segment(frame)
        except _Skip as skip:
            report.skipped[skip.reason] += 1
            if skip.reason is SkipReason.LINK_TYPE:
                report.link_types.add(frame.link_type)
            continue
        except dpkt.UnpackError:
            report.skipped[SkipReason.MALFORMED] += 1
            continue
        report.segments += 1
        yield segment
    if report.packets and report.skipped[SkipReason.LINK_TYPE] == report.packets:
        numbers = ", ".join(map(str, sorted(report.link_types)))
        raise CaptureError(
            f"no packet can be read: they have link type {numbers} of tcpdump.org's list",
            hint="capture on Ethernet, loopback, a tunnel, or on Linux on the interface `any`",
        )


def _read_segment(frame: Frame) -> Segment:
    """Raise _Skip if the frame holds no segment that can be used, dpkt.UnpackError if a header is impossible."""
    data = frame.data[_ip_offset(frame.data, frame.link_type) :]
    # A length of 0 is filled in later by the network card: then the packet is as long as the frame.
    cut_off = min(frame.original_length, MAX_FRAME) - len(frame.data)
    packet: Any
    if data[:1] and data[0] >> 4 == 6:
        packet = _Ipv6Header(data)
        end = 40 + packet.plen if packet.plen else len(data) + cut_off
        payload = data[_tcp_offset_in_ipv6(data[:end], packet.nxt) : end]
    elif data[:1] and data[0] >> 4 == 4:
        packet = _Ipv4(data)
        if packet.mf or packet.offset:
            raise _Skip(SkipReason.FRAGMENT)
        if packet.p != ip.IP_PROTO_TCP:
            raise _Skip(SkipReason.NOT_TCP)
        end = packet.len or len(data) + cut_off
        payload = packet.data
    else:
        raise _Skip(SkipReason.NOT_TCP)
    missing = max(0, end - len(data))
    tcp: Any = dpkt.tcp.TCP(payload)
    missing_of_data = len(payload) + missing - 4 * tcp.off - len(tcp.data)
    if missing_of_data < 0:
        raise _Skip(SkipReason.MALFORMED)
    return Segment(
        frame.timestamp,
        (packet.src, tcp.sport),
        (packet.dst, tcp.dport),
        tcp.seq,
        tcp.ack,
        tcp.flags,
        tcp.data,
        missing_of_data,
    )


def _ip_offset(data: bytes, link_type: int) -> int:
    if link_type in _RAW_IP:
        return 0
    if link_type in _LOOPBACK:
        family = data[:4]
        if (
            int.from_bytes(family, "big") in _LOOPBACK_FAMILIES
            or int.from_bytes(family, "little") in _LOOPBACK_FAMILIES
        ):
            return 4
        raise _Skip(SkipReason.NOT_TCP)
    if link_type not in _LINK_TYPES:
        raise _Skip(SkipReason.LINK_TYPE)
    position, offset = _ETHERTYPE_AND_PAYLOAD[link_type]
    ethertype = data[position : position + 2]
    while ethertype in _VLAN_TYPES:
        ethertype = data[offset + 2 : offset + 4]
        offset += 4
    if ethertype not in _IP_TYPES:
        raise _Skip(SkipReason.NOT_TCP)
    return offset


def _tcp_offset_in_ipv6(data: bytes, next_header: int) -> int:
    offset = 40
    while next_header != ip.IP_PROTO_TCP:
        if len(data) < offset + 8:
            raise _Skip(SkipReason.MALFORMED if next_header in _EXTENSIONS else SkipReason.NOT_TCP)
        if next_header in _EXTENSIONS:
            size = 8 * data[offset + 1] + 8
        elif next_header == ip.IP_PROTO_AH:
            size = 4 * data[offset + 1] + 8
        elif next_header == ip.IP_PROTO_FRAGMENT:
            if data[offset + 2] or data[offset + 3] & 0xF9:  # an offset, or more fragments
                raise _Skip(SkipReason.FRAGMENT)
            size = 8
        else:
            raise _Skip(SkipReason.NOT_TCP)
        next_header = data[offset]
        offset += size
    return offset
