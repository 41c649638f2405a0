"""Whatever is in a file: events, or `CaptureError`, in bounded time and memory."""

import struct
import tracemalloc
from io import BytesIO
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_cli.capture import CaptureError, CaptureReport, End, Gap, is_capture, read_connections

REAL = Path(__file__).with_name("real-loopback.pcap").read_bytes()
MAGICS = [
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\x34\xcd\xb2\xa1",
    b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a",
]


def survive(content):
    """Read all of it, and check that every direction of every connection ends exactly once."""
    report = CaptureReport()
    ends, begun = [], set()
    try:
        for connection, direction, event in read_connections(BytesIO(content), report=report):
            begun.add((connection.id, direction))
            if isinstance(event, End):
                ends.append((connection.id, direction))
    except CaptureError:
        pass
    assert sorted(ends) == sorted(begun)
    return report


@given(st.sampled_from([b"", *MAGICS]), st.binary(max_size=400))
def test_random_bytes(magic, noise):
    is_capture(magic + noise)
    survive(magic + noise)


@st.composite
def mutations(draw, content):
    mutated = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(mutated)))
        stop = start + draw(st.integers(0, 4))
        mutated[start:stop] = draw(st.binary(max_size=4))
    return bytes(mutated[: draw(st.integers(0, len(mutated)))]) if draw(st.booleans()) else bytes(mutated)


@given(mutations(REAL))
def test_a_mutated_pcap(content):
    survive(content)


@given(st.data())
def test_a_mutated_pcapng(build, data):
    capture = (
        build.section()
        + build.interface(1)
        + build.interface(101)
        + build.enhanced(build.frame(b"one"))
        + build.enhanced(build.ipv6(b"\x06\x00" + bytes(6) + build.tcp(b"two"), next_header=0), interface=1)
        + build.enhanced(build.frame(b"three", seq=1010))
    )
    survive(data.draw(mutations(capture)))


@given(st.sampled_from([0, 1, 12, 101, 108, 113, 228, 229, 276, 999]), st.lists(st.binary(max_size=120), max_size=5))
def test_random_frames(build, link_type, frames):
    survive(build.pcap(*frames, link_type=link_type))


@given(st.sampled_from([4, 6]), st.lists(st.binary(min_size=40, max_size=120), max_size=8))
def test_random_ip_packets(build, version, packets):
    heads = {4: b"\x45", 6: b"\x60"}
    survive(build.pcap(*(heads[version] + packet[1:] for packet in packets), link_type=101))


class HolesWithoutEnd:
    """A capture of one connection whose bytes 1, 3, 5 and so on never come. It exists only as it is read."""

    def __init__(self, build, packets):
        self._packet = bytearray(build.pcap(build.frame(b"x"))[24:])
        self._packets = packets
        self._rest = build.pcap()
        self._sent = 0

    def read(self, size):
        while len(self._rest) < size and self._sent < self._packets:
            struct.pack_into(">I", self._packet, 16 + 14 + 20 + 4, 1000 + 2 * self._sent)
            self._rest += self._packet
            self._sent += 1
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def test_memory_does_not_grow_with_the_file(build):
    tracemalloc.start()
    try:
        gaps = sum(isinstance(event, Gap) for _, _, event in read_connections(HolesWithoutEnd(build, 12_000)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert gaps == 11_999
    assert peak < 1_000_000  # all of it would be 3 MB
