"""`--from-capture`: shows the places in a recording that look like a length or an id, and lets the user choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import click

from metaprotocol_cli.new.evidence import (
    Budget,
    Conversation,
    IdField,
    LengthField,
    find_ids,
    learn_lengths,
    read_conversations,
    suggest,
    sums_by_direction,
    whole_messages,
)
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SHOWN = 5
_Place = TypeVar("_Place", LengthField, IdField)
_WAYS = {Direction.TO_SERVER: "to the server", Direction.TO_CLIENT: "to the client"}
_UNFINISHED_SEARCH = (
    "the search was ended before all places were tried, as it takes too long: record fewer calls, and "
    "end the recording where a message ends"
)
_COUNTED = {
    "message": "of the whole message",
    "rest": "of what follows it",
    "body": "of a message without {} of its bytes",
}


def suggestions_from(paths: Sequence[Path], *, choose: bool) -> tuple[dict[str, Any], list[Conversation]]:
    """Return answers that fit recorded streams, by their keys, and the messages of the recording.

    Args:
        paths: The recordings.
        choose: True if the user chooses among several places; otherwise the likeliest is taken.

    Raises:
        AnswersError: A recording cannot be read, or nothing in it behaves like a length.
    """
    conversations = read_conversations(paths)
    _refuse_one_byte(conversations)
    budget, ids_budget = Budget(), Budget()
    learned, lengths = learn_lengths(conversations, budget)
    if not lengths:
        separate = _one_by_one(conversations, budget)
        if budget.is_spent:
            raise AnswersError(*separate, f"no place that was tried behaves like a length: {_UNFINISHED_SEARCH}")
        raise AnswersError(
            *separate,
            "nothing in the recording behaves like a length: no number of 1, 2, 4 or 8 bytes among the first 64 leads "
            "from message to message to the end of every stream; it takes three messages of two sizes at least, six "
            "where the number is one byte or counts the body, and streams that end where a message does. No sum of two "
            "or three adjacent numbers does either; it takes six messages",
        )
    if budget.is_spent:
        click.echo(f"length: {_UNFINISHED_SEARCH}")
    click.echo(f"{len(conversations)} connection{'s' * (len(conversations) > 1)}")
    _tell_what_was_left_out(conversations, learned, lengths[0])
    length = _chosen("length", lengths, _length_text, choose=choose)
    if length is None:
        raise AnswersError("without a length it is unknown where a message ends")
    if length.widths:
        click.echo("length: one number is not enough, so the framing is a HeaderLength that adds them up")
    places = find_ids(learned, length, ids_budget)
    if ids_budget.is_spent:
        click.echo(f"id: {_UNFINISHED_SEARCH}")
    identifier = _chosen("id", places, _id_text, choose=choose)
    if identifier is None:
        click.echo(
            "id: none, so a client waits for each response before it sends the next request (serial); say --id "
            "in-order if responses come in the order of requests"
        )
    suggested = suggest(length, identifier)
    if suggested["magic"] != "none":
        click.echo(f"magic: every message begins with {suggested['magic']}")
    return suggested, whole_messages(learned, length)


def _refuse_one_byte(conversations: Sequence[Conversation]) -> None:
    """Refuse a recording whose bytes are all the same, since no length can be found in it."""
    streams = [data for one in conversations for data in one.streams.values()]
    if all(data.count(data[0]) == len(data) for data in streams):
        raise AnswersError(
            f"nothing in the recording behaves like a length: its {sum(map(len, streams)):,} bytes are all "
            f"0x{streams[0][0]:02x}, so they are not messages of two sizes; record the traffic of several calls"
        )


def _one_by_one(conversations: Sequence[Conversation], budget: Budget) -> list[str]:
    """Return a sentence about the lengths that each direction has for itself; none if one has none."""
    found = sums_by_direction(conversations, budget)
    if len(found) < len(Direction):
        return []
    places = [f"{_WAYS[way]}: {_length_text(found[way])}" for way in Direction]
    text = (
        "the two directions have their lengths at different places, which one header cannot say: write a HeaderLength "
        "whose function looks at the type of the message (see the page about framing)."
    )
    return [f"{text} {'. '.join(places)}"]


def _tell_what_was_left_out(
    found: Sequence[Conversation], learned: Sequence[Conversation], length: LengthField
) -> None:
    before = sum(len(data) for one in found for data in one.streams.values())
    begun = sum(len(data) for one in learned for data in one.streams.values())
    read = sum(ends[-1] for ends in length.boundaries)
    if any(one.packets for one in found):
        click.echo("the capture begins in the middle of connections: each is read from a packet that begins a message")
    if before - begun:
        click.echo(f"{before - begun:,} bytes of packets before the first message are left out")
    if begun - read:
        click.echo(f"{begun - read:,} bytes of messages that are not complete are left out")


def _chosen(what: str, places: Sequence[_Place], describe: Callable[[_Place], str], *, choose: bool) -> _Place | None:
    """Show places and return one, or None for none of them."""
    likely = 1 if places and getattr(places[0], "is_likely", True) else 0
    if not likely:
        click.echo(f"{what}: no fixed offset behaves like one")
    for number, place in enumerate(places[:_SHOWN], 1):
        click.echo(f"{what if number == likely else 'or'} {number}: {describe(place)}")
    if choose and places:
        number = click.prompt(
            f"Which {what} (0: none)", type=click.IntRange(0, min(len(places), _SHOWN)), default=likely
        )
    else:
        number = likely
    return places[number - 1] if number else None


def _place_text(offset: int, size: int, byte_order: str) -> str:
    order = "" if size == 1 else f", {byte_order} endian"
    return f"offset {offset}, {size} byte{'s' * (size > 1)}{order}"


def _length_text(field: LengthField) -> str:
    others = f"; {field.others} narrower or shifted places do the same" if field.others else ""
    counted = _COUNTED[field.counts].format(field.surplus)
    if field.widths:
        numbers = " + ".join(f"{size} byte{'s' * (size > 1)} at {offset}" for offset, size in field.numbers)
        place, counted = f"{numbers}, {field.byte_order} endian", f"of a message without {field.surplus} of its bytes"
    else:
        place = _place_text(field.offset, field.size, field.byte_order)
    return (
        f"{place}, {counted}: it leads through {field.messages} messages of {field.message_sizes} sizes "
        f"to the last byte of {len(field.boundaries)} stream{'s' * (len(field.boundaries) > 1)}{others}"
    )


def _id_text(field: IdField) -> str:
    facts = [f"{field.requests} requests have {field.requests} values"]
    if field.counts_up:
        facts.append(f"{field.step} apart")
    facts.append(f"{field.repeated} of {field.responses} responses repeat one")
    if field.overtaking:
        facts.append(f"{field.overtaking} of them came before that of an earlier request")
    if not field.is_wide:
        facts.append("but it is one byte, which may be the first of a number that grows")
    place = _place_text(field.offset, field.size, field.byte_order)
    if field.is_split:
        place = f"offset {field.offset} of requests and {field.response_offset} of responses{place.partition(',')[1]}"
        place += _place_text(field.offset, field.size, field.byte_order).partition(",")[2]
    return f"{place}: {', '.join(facts)}"


def vector_files(conversations: Sequence[Conversation]) -> dict[str, bytes]:
    """Return the files of recorded messages, by their names."""
    suffixes = {Direction.TO_SERVER: "c2s", Direction.TO_CLIENT: "s2c"}
    names: dict[str, int] = {}
    files: dict[str, bytes] = {}
    for conversation in conversations:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", conversation.name) or "recorded"
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:  # files of one name in several folders
            name += f"-{names[name]}"
        files |= {f"{name}.{suffixes[way]}.bin": data for way, data in conversation.streams.items()}
    return files
