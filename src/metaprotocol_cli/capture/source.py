"""The parts that the readers of pcap and pcapng share: a file that is read forward only, and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from metaprotocol_cli.capture.errors import CaptureError

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_FRAME = 262_144  # bytes; libpcap's MAXIMUM_SNAPLEN
_CHUNK = 65_536
_LAST_SECOND = 253_402_300_799  # of the year 9999: so that `datetime` can hold every timestamp


@define
class Frame:
    """One captured frame.

    Args:
        timestamp: Its time in nanoseconds since 1970, at most the year 9999; 0 if the capture does not say.
        link_type: The kind of header that the frame begins with, a LINKTYPE_ number of tcpdump.org.
        data: The bytes that were captured.
        original_length: The size of the frame on the wire in bytes, at least that of `data`.
    """

    timestamp: int
    link_type: int
    data: bytes
    original_length: int


class Source:
    """Reads a binary file from its current position on; it may be a pipe.

    Args:
        file: Anything with `read`, which may return less than it is asked for.
    """

    __slots__ = ("_file", "position")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end of the file."""
        data = self._file.read(size) or b""
        while 0 < len(data) < size:  # a pipe returns the bytes that have come
            more = self._file.read(size - len(data))
            if not more:
                break
            data += more
        self.position += len(data)
        return data

    def read_exactly(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes; `what` names them in the error.

        Raises:
            CaptureError: The file ends before.
        """
        data = self.read(size)
        if len(data) < size:
            raise self.cut(what, size - len(data))
        return data

    def skip(self, size: int, what: str) -> None:
        """Skip `size` bytes, however many.

        Raises:
            CaptureError: The file ends before.
        """
        while size > 0:
            size -= len(self.read_exactly(min(size, _CHUNK), what))

    def cut(self, what: str, missing: int) -> CaptureError:
        """Return the error that says that the file ends inside `what`."""
        return CaptureError(
            f"the capture is cut off inside {what}, {missing:,} bytes too early",
            offset=self.position,
            hint="what comes before was read; perhaps the capture was copied while it was being written",
        )


def nanoseconds(ticks: int, ticks_per_second: int, offset: int = 0) -> int:
    """Turn a capture's timestamp into nanoseconds since 1970, from there to the year 9999."""
    whole = ticks * 1_000_000_000 // ticks_per_second + offset * 1_000_000_000
    return max(0, min(whole, _LAST_SECOND * 1_000_000_000))
