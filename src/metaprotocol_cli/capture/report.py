"""Counts the packets of a capture that were skipped, by reason."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum, unique
from typing import TYPE_CHECKING

from attrs import Factory, define

from metaprotocol_cli.capture.segment import ACK, SYN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_cli.capture.segment import Segment


@unique
class SkipReason(StrEnum):
    """The reason for which a packet was skipped."""

    NOT_TCP = "not_tcp"
    """It is not TCP over IPv4 or IPv6."""
    FRAGMENT = "fragment"
    """It is a fragment of an IP packet; fragments are not reassembled."""
    MALFORMED = "malformed"
    """A length in its IP or TCP header is impossible, or the capture cut off the header itself."""
    LINK_TYPE = "link_type"
    """It was captured on an interface whose link type is not supported."""
    OTHER_PORT = "other_port"
    """It is TCP, but not of the port that was asked for."""
    AFTER_END = "after_end"
    """It carries bytes, but came after the end of its connection."""


_SENTENCES = {
    SkipReason.FRAGMENT: "are IP fragments, which are not reassembled: their bytes appear as gaps",
    SkipReason.MALFORMED: "have IP or TCP headers that cannot be read",
    SkipReason.LINK_TYPE: "were captured on interfaces whose link type cannot be read",
}


_SHOWN = 5


@define
class CaptureReport:
    """Counts packets while a capture is read; complete at its end.

    Args:
        packets: The packets in the file.
        segments: Those of them that are TCP and could be read.
        data: The bytes that these carry.
        skipped: The number of skipped packets, by reason.
        others: The number of packets that are not TCP, by what they are.
        servers: The number of TCP packets by the server's port: the one that was connected to, or else the lower one.
        link_types: The numbers of the link types that cannot be read.
    """

    packets: int = 0
    segments: int = 0
    data: int = 0
    skipped: Counter[SkipReason] = Factory(Counter)
    others: Counter[str] = Factory(Counter)
    servers: Counter[int] = Factory(Counter)
    link_types: set[int] = Factory(set)
    _listening: set[int] = Factory(set)

    def take(self, segment: Segment) -> None:
        """Count a segment."""
        self.segments += 1
        self.data += len(segment.payload) + segment.missing
        source, destination = segment.source[1], segment.destination[1]
        if segment.flags & SYN:
            self._listening.add(source if segment.flags & ACK else destination)
        known = [port for port in (source, destination) if port in self._listening]
        self.servers[known[0] if len(known) == 1 else min(source, destination)] += 1

    def skip(self, reason: SkipReason, what: str = "") -> None:
        """Count a packet that is skipped.

        Args:
            reason: The reason.
            what: What it is instead of TCP, or "".
        """
        self.skipped[reason] += 1
        if reason is SkipReason.NOT_TCP:
            self.others[what or "others"] += 1

    def notes(self, port: int | None = None) -> list[str]:
        """Return remarks on skipped packets, for a person.

        Packets that were not asked for are mentioned only if there were no others.

        Args:
            port: The port that was asked for, or None.

        Returns:
            One sentence, without a full stop, for each reason by which bytes are missing.
        """
        notes = [
            f"{self.skipped[reason]:,} of {self.packets:,} packets {sentence}"
            for reason, sentence in _SENTENCES.items()
            if self.skipped[reason]
        ]
        if self.link_types:
            notes.append(f"link types that cannot be read: {', '.join(map(str, sorted(self.link_types)))}")
        used = self.segments - self.skipped[SkipReason.OTHER_PORT]
        if self.segments and not used:
            ports = _most((f"{server}", number) for server, number in self.servers.most_common())
            notes.append(f"no TCP packet is of port {port}; those of the capture are of {ports}")
        elif used and not self.data:
            notes.append(f"the {self.segments:,} TCP packets carry no data")
        if not used and self.others:
            number = self.skipped[SkipReason.NOT_TCP]
            notes.append(f"{number:,} of {self.packets:,} packets are not TCP: {_most(self.others.most_common())}")
        return notes


def _most(counted: Iterable[tuple[str, int]]) -> str:
    parts = [f"{what} ({number:,} packet{'' if number == 1 else 's'})" for what, number in counted]
    more = f" and {len(parts) - _SHOWN:,} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more
