"""The frames of a capture file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dpkt

from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.pcapng import read_pcapng
from metaprotocol_cli.capture.source import MAX_FRAME, Frame, Source, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

# dpkt has the headers of pcap in both byte orders, with microseconds and nanoseconds, and Kuznetzov's variant. Its
# readers are not used: they lose a packet's original length, take a file that is cut off for one that has ended,
# read any size that a record claims, and support one interface of a pcapng file.
_RECORDS: dict[int, Any] = dpkt.pcap.MAGIC_TO_PKT_HDR
_NANOSECONDS = {dpkt.pcap.TCPDUMP_MAGIC_NANO, dpkt.pcap.PMUDPCT_MAGIC_NANO}
_LITTLE_ENDIAN = {dpkt.pcap.PMUDPCT_MAGIC, dpkt.pcap.PMUDPCT_MAGIC_NANO, dpkt.pcap.PACPDOM_MAGIC}
_LINK_TYPE = 0x03FF_FFFF  # of the file header's word; the rest tells of a frame check sequence
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAPNG_BYTE_ORDERS = (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")


def is_capture(head: bytes) -> bool:
    """Return True if a file that begins with these bytes is a pcap or a pcapng file.

    Args:
        head: The first bytes of the file; 4 are enough, 12 are better for pcapng.
    """
    if head[:4] == _PCAPNG:
        return len(head) < 12 or head[8:12] in _PCAPNG_BYTE_ORDERS
    return len(head) >= 4 and int.from_bytes(head[:4], "big") in _RECORDS


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """Read the frames of a pcap or pcapng file, in the order of the file.

    Args:
        file: The file, at its start. It is read forward only.

    Raises:
        CaptureError: The file is neither, is damaged or is cut off. The frames before the damage come first.
    """
    source = Source(file)
    magic = source.read(4)
    if magic == _PCAPNG:
        return read_pcapng(source)
    if int.from_bytes(magic, "big") in _RECORDS and len(magic) == 4:
        return _read_pcap(source, magic)
    raise _not_a_capture(magic)


def _read_pcap(source: Source, magic: bytes) -> Iterator[Frame]:
    number = int.from_bytes(magic, "big")
    header_class = dpkt.pcap.LEFileHdr if number in _LITTLE_ENDIAN else dpkt.pcap.FileHdr
    header: Any = header_class(magic + source.read_exactly(20, "the file header"))
    link_type = header.linktype & _LINK_TYPE
    ticks_per_second = 1_000_000_000 if number in _NANOSECONDS else 1_000_000
    record_class = _RECORDS[number]
    record_size: int = record_class.__hdr_len__
    count = 0
    while head := source.read(record_size):
        count += 1
        if len(head) < record_size:
            raise source.cut(f"the header of packet {count:,}", record_size - len(head))
        record: Any = record_class(head)
        size: int = record.caplen
        if size > MAX_FRAME:
            raise CaptureError(
                f"packet {count:,} claims {size:,} captured bytes, more than the {MAX_FRAME:,} that a packet can have",
                offset=source.position - record_size,
                hint="what comes before was read; the file is damaged here",
            )
        data = source.read_exactly(size, f"packet {count:,}")
        ticks = record.tv_sec * ticks_per_second + record.tv_usec
        yield Frame(nanoseconds(ticks, ticks_per_second), link_type, data, max(size, record.len))


def _not_a_capture(magic: bytes) -> CaptureError:
    if not magic:
        return CaptureError("the file is empty", offset=0)
    return CaptureError(
        f"the file begins with {magic.hex(' ')}, which is neither pcap nor pcapng",
        offset=0,
        hint="Wireshark's `editcap -F pcapng` converts other captures",
    )
