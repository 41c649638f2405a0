"""Packet captures made of recorded connections, for a dissector that is not ours."""

import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import dpkt
from recordings import Recording

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_PORT, SERVER_PORT = 40_000, 9090
BOTH = ("c2s", "s2c")
_LARGEST_SEGMENT = 1460


def write_capture(path: Path, connection: Path, ways: Sequence[str] = BOTH) -> None:
    """Write a pcap file of a connection, from the first packet on, a millisecond apart.

    Args:
        path: The file.
        connection: The file that holds its pieces, `NAME.chunks.json`, beside its two streams.
        ways: Which of the streams are seen.
    """
    name = connection.name.removesuffix(".chunks.json")
    streams = {way: Recording(connection.parent / f"{name}.{way}.bin").data for way in ways}
    write_pieces(
        path,
        (
            (way, streams[way][start : start + size] if way in ways else b"")
            for way, start, size, *_ in json.loads(connection.read_text("utf-8"))
        ),
    )


def write_pieces(path: Path, pieces: Iterable[tuple[str, bytes]], largest_segment: int = _LARGEST_SEGMENT) -> None:
    """Write a pcap file of a connection, from the first packet on, a millisecond apart.

    Args:
        path: The file.
        pieces: The bytes that are sent, in their order, each with its way, "c2s" or "s2c".
        largest_segment: The most of them that a packet carries.
    """
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for millisecond, frame in enumerate(_frames(pieces, largest_segment)):
            writer.writepkt(frame, millisecond / 1000)


def _frames(pieces: Iterable[tuple[str, bytes]], largest_segment: int) -> Iterator[bytes]:
    ends = {"c2s": (CLIENT, CLIENT_PORT), "s2c": (SERVER, SERVER_PORT)}
    sent = dict.fromkeys(ends, 0)

    def frame(way: str, flags: int, payload: bytes = b"") -> bytes:
        other = "s2c" if way == "c2s" else "c2s"
        (source, source_port), (target, target_port) = ends[way], ends[other]
        segment = dpkt.tcp.TCP(
            sport=source_port, dport=target_port, seq=sent[way], ack=sent[other], flags=flags, data=payload
        )
        packet = dpkt.ip.IP(p=dpkt.ip.IP_PROTO_TCP, src=_packed(source), dst=_packed(target), data=segment)
        sent[way] += len(payload) + bool(flags & dpkt.tcp.TH_SYN)
        return bytes(dpkt.ethernet.Ethernet(data=packet))

    yield frame("c2s", dpkt.tcp.TH_SYN)
    yield frame("s2c", dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
    for way, piece in pieces:
        for offset in range(0, len(piece), largest_segment):
            yield frame(way, dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH, piece[offset : offset + largest_segment])


def _packed(address: str) -> bytes:
    return socket.inet_aton(address)
