"""Builds packets and capture files, byte by byte."""

from __future__ import annotations

import socket
import struct
from io import BytesIO

import dpkt
import pytest

from metaprotocol_cli.capture import CaptureReport, Data, read_connections

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 20880)


class Build:
    """Builds captures, from the TCP segment outwards."""

    client, server = CLIENT, SERVER

    def tcp(
        self, payload=b"", *, seq=1000, ack=0, flags=dpkt.tcp.TH_ACK, source=CLIENT, destination=SERVER, options=b""
    ):
        header = dpkt.tcp.TCP(sport=source[1], dport=destination[1], seq=seq, ack=ack, flags=flags)
        header.off = 5 + len(options) // 4
        return header.pack_hdr() + options + payload

    def ipv4(self, body, *, source=CLIENT, destination=SERVER, options=b"", protocol=6, **fields):
        header = dpkt.ip.IP(p=protocol, src=socket.inet_aton(source[0]), dst=socket.inet_aton(destination[0]))
        header.hl = 5 + len(options) // 4
        header.len = 20 + len(options) + len(body)
        for name, value in fields.items():
            setattr(header, name, value)
        return header.pack_hdr() + options + body

    def ipv6(self, body, *, next_header=6, source="fe80::1", destination="fe80::2", length=None):
        addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
        length = len(body) if length is None else length
        return struct.pack(">IHBB", 0x6000_0000, length, next_header, 64) + addresses + body

    def ethernet(self, packet, *, tags=()):
        kind = 0x86DD if packet[:1] >= b"\x60" else 0x0800
        vlan = b"".join(struct.pack(">HH", tag_type, 7) for tag_type in tags)
        return bytes(12) + vlan + struct.pack(">H", kind) + packet

    def frame(self, payload=b"", **fields):
        """An Ethernet frame from client to server, or the other way if `source` is the server."""
        source = fields.get("source", CLIENT)
        destination = fields.setdefault("destination", CLIENT if source == SERVER else SERVER)
        return self.ethernet(self.ipv4(self.tcp(payload, **fields), source=source, destination=destination))

    def pcap(self, *frames, link_type=1, order="<", magic=0xA1B2C3D4, original=None):
        """A pcap file; frame number n is of second n."""
        file = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
        for second, frame in enumerate(frames, 1):
            length = len(frame) if original is None else original
            file += struct.pack(order + "IIII", second, 5, len(frame), length) + frame
        return file

    def block(self, kind, body, order="<"):
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    def section(self, order="<"):
        return self.block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)

    def interface(self, link_type=1, *, order="<", options=b"", snap_length=0):
        return self.block(1, struct.pack(order + "HHI", link_type, 0, snap_length) + options, order)

    def enhanced(self, frame, *, interface=0, ticks=0, order="<"):
        head = struct.pack(order + "5I", interface, ticks >> 32, ticks & 0xFFFF_FFFF, len(frame), len(frame))
        return self.block(6, head + frame, order)

    def read(self, capture, port=None):
        """The events of a capture and the report."""
        report = CaptureReport()
        return list(read_connections(BytesIO(capture), port=port, report=report)), report

    def payload(self, capture, port=None):
        """All bytes that the connections of a capture carried."""
        return b"".join(event.data for _, _, event in self.read(capture, port)[0] if isinstance(event, Data))


@pytest.fixture(scope="session")
def build():
    return Build()
