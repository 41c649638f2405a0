"""The search for a length in recordings that may begin or end inside a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.new.evidence.budget import Budget
from metaprotocol_cli.new.evidence.conversations import Conversation, whole_starts
from metaprotocol_cli.new.evidence.lengths import LengthField, find_lengths, find_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaprotocol_sdk import Direction

# Bytes of each direction that are copied into a project: the conformance kit tries everything on them.
_MOST_COPIED = 64 * 1024


def learn_lengths(
    conversations: Sequence[Conversation], budget: Budget | None = None
) -> tuple[list[Conversation], list[LengthField]]:
    """Return the places that behave like a length, the likeliest first, and the conversations that they cut.

    A recording that has its beginning and its end says most. If it says nothing, the last message of a connection that
    was still open may be cut off, and the first packets of one that was running may be the end of a message. Sums of
    numbers are tried last. All of these searches share the budget.
    """
    budget = budget or Budget()
    for open_ends in (False, True):
        for learned in whole_starts(conversations):
            unfinished = _unfinished(learned) if open_ends else []
            if open_ends and not unfinished:
                break
            if lengths := find_lengths(_streams(learned), unfinished, budget):
                return learned, lengths
    return [*conversations], find_sums(_streams(conversations), budget)


def sums_by_direction(
    conversations: Sequence[Conversation], budget: Budget | None = None
) -> dict[Direction, LengthField]:
    """Return the length of each direction alone, of those that have one."""
    budget = budget or Budget()
    found: dict[Direction, LengthField] = {}
    for direction in {way for one in conversations for way in one.streams}:
        streams = [one.streams[direction] for one in conversations if direction in one.streams]
        lengths = find_lengths(streams, budget=budget) or find_sums(streams, budget)
        if lengths:
            found[direction] = lengths[0]
    return found


def whole_messages(conversations: Sequence[Conversation], length: LengthField) -> list[Conversation]:
    """Return the first whole messages of conversations, as much as a project takes for its vectors."""
    boundaries = iter(length.boundaries)
    found = []
    for conversation in conversations:
        streams = {}
        for direction, data in conversation.streams.items():
            ends = next(boundaries)
            last = max((end for end in ends if end <= _MOST_COPIED), default=0)
            if last:
                streams[direction] = data[ends[0] : last]
        found.append(Conversation(conversation.name, streams))
    return found


def _streams(conversations: Sequence[Conversation]) -> list[bytes]:
    return [data for one in conversations for data in one.streams.values()]


def _unfinished(conversations: Sequence[Conversation]) -> list[int]:
    keys = [(one, direction) for one in conversations for direction in one.streams]
    return [number for number, (one, direction) in enumerate(keys) if direction in one.unfinished]
