"""The headers of a Dubbo stream, read by eyes that share nothing with the codec."""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from patience import PATIENCE

_HEADER = struct.Struct(">2sBBQI")


class Frame(NamedTuple):
    """The header of a message."""

    flags: int
    status: int
    request_id: int
    body: bytes

    @property
    def is_request(self) -> bool:
        """True if it is a request."""
        return self.flags & 0x80 != 0

    @property
    def is_heartbeat(self) -> bool:
        """True if it is a heartbeat, or the answer to one."""
        return self.flags & 0x20 != 0 and (self.flags & 0x40 != 0 or not self.is_request)

    @property
    def is_readonly(self) -> bool:
        """True if it says that the server is going away."""
        return self.flags & 0xE0 == 0xA0 and b"R" in self.body


def frames(data: bytes) -> list[Frame]:
    """Return the whole messages that a stream begins with."""
    found, position = [], 0
    while position + 16 <= len(data):
        magic, flags, status, request_id, length = _HEADER.unpack_from(data, position)
        if magic != b"\xda\xbb":
            raise ValueError(f"no message at offset {position}")
        if position + 16 + length > len(data):
            break
        found.append(Frame(flags, status, request_id, data[position + 16 : position + 16 + length]))
        position += 16 + length
    return found


def wait_for_frames(folder: Path, direction: str, predicate: Callable[[Frame], bool], count: int) -> list[Frame]:
    """Return the messages of a relay's first connection for which the predicate is true, once there are so many.

    Args:
        folder: Where the relay records.
        direction: "c2s" or "s2c".
        predicate: Which messages are meant.
        count: How many there must be.

    Raises:
        AssertionError: There are fewer after a long time.
    """
    recording = folder / f"conn1.{direction}.bin"
    deadline = time.monotonic() + PATIENCE
    while len(found := [frame for frame in frames(recording.read_bytes()) if predicate(frame)]) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} have passed"
        time.sleep(0.05)
    return found
