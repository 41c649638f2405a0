"""What was left out while a capture was read, and why."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum, unique

from attrs import Factory, define


@unique
class SkipReason(StrEnum):
    """Why a packet gave nothing to a connection."""

    NOT_TCP = "not_tcp"
    """It is no TCP over IPv4 or IPv6."""
    FRAGMENT = "fragment"
    """It is a piece of an IP packet, and pieces are not put together."""
    MALFORMED = "malformed"
    """A length in its IP or TCP header cannot be, or the capture cut off the header itself."""
    LINK_TYPE = "link_type"
    """It was captured on a kind of interface that cannot be read."""
    OTHER_PORT = "other_port"
    """It is TCP, and not of the port that was asked for."""
    AFTER_END = "after_end"
    """It carries bytes and came after its connection had ended."""


_SENTENCES = {
    SkipReason.FRAGMENT: "are IP fragments, which are not put together: their bytes appear as gaps",
    SkipReason.MALFORMED: "have IP or TCP headers that cannot be read",
    SkipReason.LINK_TYPE: "were captured on interfaces whose link type cannot be read",
}


@define
class CaptureReport:
    """Counts packets while a capture is read. It is complete when the reading has ended.

    Args:
        packets: The packets in the file.
        segments: Those of them that are TCP and could be read.
        skipped: How many gave nothing to a connection, by reason.
        link_types: The numbers of the link types that cannot be read.
    """

    packets: int = 0
    segments: int = 0
    skipped: Counter[SkipReason] = Factory(Counter)
    link_types: set[int] = Factory(set)

    def notes(self) -> list[str]:
        """Say what a person should know of what was left out; what was not asked for is not mentioned.

        Returns:
            One sentence for each reason that holds bytes back, without a full stop; none if nothing is missing.
        """
        notes = [
            f"{self.skipped[reason]:,} of {self.packets:,} packets {sentence}"
            for reason, sentence in _SENTENCES.items()
            if self.skipped[reason]
        ]
        if self.link_types:
            notes.append(f"link types that cannot be read: {', '.join(map(str, sorted(self.link_types)))}")
        return notes
