"""Counts the packets of a capture that were skipped, by reason."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum, unique

from attrs import Factory, define


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


@define
class CaptureReport:
    """Counts packets while a capture is read; complete at its end.

    Args:
        packets: The packets in the file.
        segments: Those of them that are TCP and could be read.
        skipped: The number of skipped packets, by reason.
        link_types: The numbers of the link types that cannot be read.
    """

    packets: int = 0
    segments: int = 0
    skipped: Counter[SkipReason] = Factory(Counter)
    link_types: set[int] = Factory(set)

    def notes(self) -> list[str]:
        """Return remarks on skipped packets, for a person; packets that were not asked for are not mentioned.

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
        return notes
