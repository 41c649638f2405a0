"""The questions, each asked until its answer makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metaprotocol_cli.new.answers import NONE, Answers, parse_magic
from metaprotocol_cli.new.fields import Field, parse_values
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_cli.new.protocol import COUNTS, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

_QUESTIONS = {
    "length": "Which field is the length",
    "counts": "What it counts: message (all of it), rest (what follows it), body (what follows the header), "
    "or a number that is added to it",
    "id": "Which field is the id, that a response repeats",
    "type": "Which field says request or response (none: whether it travels to the server)",
    "types": f"Its numbers; of {', '.join(KINDS)} leave out what there is not",
    "status": "Which field says whether a response failed",
    "statuses": "Its numbers; ok is success",
    "operation": "Which field says what is called",
    "headers": "Which field is the length of a header block",
}


def ask(answers: Answers) -> None:
    """Ask for what was not answered."""
    if "magic" not in answers:
        _ask(answers, "magic", "Magic: the bytes that every message begins with, in hex, or none", parse_magic)
    if "byte_order" not in answers:
        answers["byte_order"] = click.prompt(
            "Byte order", type=click.Choice(["big", "little"]), default=answers["byte_order"]
        )
    if "fields" not in answers:
        _ask_fields(answers)
    for key in ("length", "counts", "id", "type", "types", "status", "statuses", "operation", "headers"):
        of = {"types": "type", "statuses": "status"}.get(key)
        if key in answers or (of and answers[of] == NONE):
            continue
        if key in ("types", "statuses"):
            _ask(answers, key, _QUESTIONS[key], parse_values)
        elif key == "counts":
            _ask(answers, key, _QUESTIONS[key], _check_counts)
        else:
            names = [field.name for field in answers.fields() if field.is_integer and field.constant is None]
            choice = click.Choice([*names, *([] if key == "length" else [NONE])])
            known = answers[key] if answers[key] in choice.choices else None
            answers[key] = click.prompt(_QUESTIONS[key], type=choice, default=known, show_choices=key == "length")


def _ask(answers: Answers, key: str, question: str, check: Callable[[str], object]) -> None:
    answers[key] = click.prompt(question, default=answers[key], value_proc=_checked(check))


def _ask_fields(answers: Answers) -> None:
    """Ask for the fields one by one; none at all keeps those that were suggested."""
    click.echo("The header's fields in order, as NAME:BYTES, NAME:BYTES=VALUE for a constant, NAME:BYTES:MEANING.")
    click.echo("An empty line ends the list. An empty list is this one:")
    for text in answers["fields"]:
        click.echo(f"  {text}")
    texts: list[str] = []
    offset = len(parse_magic(answers["magic"]))
    while text := click.prompt(f"  offset {offset}", default="", show_default=False, value_proc=_checked(_check_field)):
        texts.append(text)
        offset += Field.parse(text).size
    answers["fields"] = texts or answers["fields"]


def _check_field(text: str) -> None:
    if text:
        Field.parse(text)


def _check_counts(text: str) -> None:
    if text not in COUNTS and not text.removeprefix("-").isdecimal():
        raise AnswersError(f"{text!r} is none of {', '.join(COUNTS)}, and no whole number")


def _checked(check: Callable[[str], object]) -> Callable[[str], Any]:
    """Return what click calls with an answer, and asks again if it raises a usage error."""

    def convert(text: str) -> str:
        try:
            check(text)
        except AnswersError as error:
            raise click.UsageError(str(error)) from error
        return text

    return convert
