"""`--from-capture`: shows the places in a recording that look like a length or an id, and lets the user choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from metaprotocol_cli.new.evidence import IdField, LengthField, find_ids, find_lengths, read_conversations, suggest
from metaprotocol_cli.new.problems import AnswersError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SHOWN = 5
_Place = TypeVar("_Place", LengthField, IdField)
_COUNTED = {
    "message": "of the whole message",
    "rest": "of what follows it",
    "body": "of a message without {} of its bytes",
}


def suggestions_from(paths: Sequence[Path], *, choose: bool) -> dict[str, Any]:
    """Return answers that fit recorded streams, by their keys.

    Args:
        paths: The recordings.
        choose: True if the user chooses among several places; otherwise the likeliest is taken.

    Raises:
        AnswersError: A recording cannot be read, or nothing in it behaves like a length.
    """
    conversations = read_conversations(paths)
    lengths = find_lengths([data for conversation in conversations for data in conversation.values()])
    if not lengths:
        raise AnswersError(
            "nothing in the recording behaves like a length: no number of 1, 2, 4 or 8 bytes among the first 64 leads "
            "from message to message to the end of every stream; it takes three messages of two sizes at least, six "
            "where the number is one byte or counts the body, and streams that end where a message does"
        )
    click.echo(f"{len(conversations)} connection{'s' * (len(conversations) > 1)}")
    length = _chosen("length", lengths, _length_text, choose=choose)
    if length is None:
        raise AnswersError("without a length it is unknown where a message ends")
    ids = find_ids(conversations, length)
    identifier = _chosen("id", ids, _id_text, choose=choose)
    suggested = suggest(length, identifier)
    if suggested["magic"] != "none":
        click.echo(f"magic: every message begins with {suggested['magic']}")
    return suggested


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


def _place_text(place: LengthField | IdField) -> str:
    order = "" if place.size == 1 else f", {place.byte_order} endian"
    return f"offset {place.offset}, {place.size} byte{'s' * (place.size > 1)}{order}"


def _length_text(field: LengthField) -> str:
    others = f"; {field.others} narrower or shifted places do the same" if field.others else ""
    counted = _COUNTED[field.counts].format(field.surplus)
    return (
        f"{_place_text(field)}, {counted}: it leads through {field.messages} messages of {field.message_sizes} sizes "
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
    return f"{_place_text(field)}: {', '.join(facts)}"
