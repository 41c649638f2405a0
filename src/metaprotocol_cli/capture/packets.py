"""Reads TCP segments from the frames of a capture: IPv4, IPv6, TCP, also inside tunnels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import dpkt
from dpkt import ip

from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.frames import read_frames
from metaprotocol_cli.capture.layers import MAX_TUNNELS, Skip, ip_packet, tunnelled
from metaprotocol_cli.capture.report import CaptureReport, SkipReason
from metaprotocol_cli.capture.segment import Segment
from metaprotocol_cli.capture.source import MAX_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from metaprotocol_cli.capture.source import Frame

# IPv6 extension headers whose second byte counts 8 bytes more than the first 8
_EXTENSIONS = {ip.IP_PROTO_HOPOPTS, ip.IP_PROTO_ROUTING, ip.IP_PROTO_DSTOPTS, 135, 139, 140}


class _Ipv4(dpkt.ip.IP):  # type: ignore[misc] # dpkt has no types
    # dpkt would parse the payload too, and packets inside packets without end.
    _protosw: ClassVar[dict[int, Any]] = {}


class _Ipv6Header(dpkt.ip6.IP6):  # type: ignore[misc] # dpkt has no types
    def unpack(self, buf: bytes) -> None:
        # Only the fixed header. dpkt copies the rest of the packet for each extension header.
        dpkt.Packet.unpack(self, buf)


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
        except Skip as skip:
            report.skip(skip.reason, skip.what)
            if skip.reason is SkipReason.LINK_TYPE:
                report.link_types.add(frame.link_type)
            continue
        except dpkt.UnpackError:
            report.skip(SkipReason.MALFORMED)
            continue
        report.take(segment)
        yield segment
    if report.packets and report.skipped[SkipReason.LINK_TYPE] == report.packets:
        numbers = ", ".join(map(str, sorted(report.link_types)))
        raise CaptureError(
            f"no packet can be read: they have link type {numbers} of tcpdump.org's list",
            hint="capture on Ethernet, loopback, a tunnel, or on Linux on the interface `any`",
        )


def _read_segment(frame: Frame) -> Segment:
    """Raise Skip if the frame holds no segment that can be used, dpkt.UnpackError if a header is impossible."""
    data = ip_packet(frame.data, frame.link_type)
    # A length of 0 is filled in later by the network card: then the packet is as long as the frame.
    cut_off = min(frame.original_length, MAX_FRAME) - len(frame.data)
    for _ in range(1 + MAX_TUNNELS):
        packet, protocol, payload, end = _read_ip(data, cut_off)
        if protocol == ip.IP_PROTO_TCP:
            break
        data = tunnelled(protocol, payload)
    else:
        raise Skip(SkipReason.NOT_TCP, f"more than {MAX_TUNNELS} tunnels")
    missing = max(0, end - len(data))
    tcp: Any = dpkt.tcp.TCP(payload)
    missing_of_data = len(payload) + missing - 4 * tcp.off - len(tcp.data)
    if missing_of_data < 0:
        raise Skip(SkipReason.MALFORMED)
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


def _read_ip(data: bytes, cut_off: int) -> tuple[Any, int, bytes, int]:
    """Return a packet's header, its protocol, its captured payload, and its length on the wire."""
    packet: Any
    if data[:1] and data[0] >> 4 == 6:
        packet = _Ipv6Header(data)
        end = 40 + packet.plen if packet.plen else len(data) + cut_off
        offset, protocol = _payload_in_ipv6(data[:end], packet.nxt)
        return packet, protocol, data[offset:end], end
    if data[:1] and data[0] >> 4 == 4:
        packet = _Ipv4(data)
        if packet.mf or packet.offset:
            raise Skip(SkipReason.FRAGMENT)
        return packet, packet.p, packet.data, packet.len or len(data) + cut_off
    raise Skip(SkipReason.NOT_TCP)


def _payload_in_ipv6(data: bytes, next_header: int) -> tuple[int, int]:
    """Return the offset of the payload after the extension headers, and its protocol."""
    offset = 40
    while next_header in _EXTENSIONS or next_header in (ip.IP_PROTO_AH, ip.IP_PROTO_FRAGMENT):
        if len(data) < offset + 8:
            raise Skip(SkipReason.MALFORMED)
        if next_header in _EXTENSIONS:
            size = 8 * data[offset + 1] + 8
        elif next_header == ip.IP_PROTO_AH:
            size = 4 * data[offset + 1] + 8
        else:
            if data[offset + 2] or data[offset + 3] & 0xF9:  # an offset, or more fragments
                raise Skip(SkipReason.FRAGMENT)
            size = 8
        next_header = data[offset]
        offset += size
    return offset, next_header
