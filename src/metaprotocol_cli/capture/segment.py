"""A TCP segment."""

from __future__ import annotations

from attrs import define

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
"""The flags of `Segment.flags` that reassembly looks at."""

Endpoint = tuple[bytes, int]
"""An address, 4 bytes of IPv4 or 16 of IPv6, and a port."""


@define
class Segment:
    """One captured TCP segment.

    Args:
        timestamp: The time of the capture, in nanoseconds since 1970; 0 if unknown.
        source: The sender.
        destination: The receiver.
        sequence: The sequence number, 0 to 2**32 - 1.
        acknowledgment: The acknowledgment number, 0 to 2**32 - 1; it counts if `flags` has `ACK`.
        flags: The TCP flags.
        payload: The bytes that were captured.
        missing: The number of bytes after those, which the capture cut off.
    """

    timestamp: int
    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledgment: int
    flags: int
    payload: bytes
    missing: int = 0
