"""The questions, each repeated until its answer is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metaprotocol_cli.new.answers import IN_ORDER, NONE, Answers, parse_magic
from metaprotocol_cli.new.fields import Field, parse_values
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_cli.new.protocol import COUNTS, KINDS, ROLES, SplitId, is_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from metaprotocol_cli.new.protocol import Protocol

_QUESTIONS = {
    "length": "Which field is the length; several that are added as NAME+NAME",
    "counts": "Which bytes it counts: message (all), rest (after the field), body (after the header), "
    "or a number that is added to it",
    "id": "Which field is the id, that a response repeats; in-order: responses come in the order of requests; none: a "
    "client waits for each",
    "type": "Which field tells requests from responses; without one the direction does",
    "types": f"Its numbers: request, response, and {', '.join(KINDS[2:])} if the protocol has them",
    "status": "Which field says whether a response failed",
    "statuses": "Its numbers; ok is success",
    "operation": "Which field says what is called",
    "headers": "Which field is the length of a header block",
}


def ask(given: Mapping[str, Any], suggested: Mapping[str, Any]) -> Protocol:
    """Ask for what was not given, and again if the answers do not fit together.

    Args:
        given: Answers that are not asked for, by their keys.
        suggested: The answers of an empty line.

    Raises:
        AnswersError: The given answers do not describe a protocol, whatever the others are.
    """
    problems: Sequence[str] = ()
    while True:
        answers = Answers(given, suggested)
        try:
            _ask_all(answers)
            return answers.protocol()
        except AnswersError as error:
            if error.problems == problems:
                raise
            problems, suggested = error.problems, dict(suggested) | answers.given
            for problem in problems:
                click.echo(f"Error: {problem}", err=True)
            click.echo("Once more; an empty line keeps what you answered.")


def _ask_all(answers: Answers) -> None:
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
            _ask_role(answers, key)


def _ask_role(answers: Answers, role: str) -> None:
    """Ask for the field of a role, among those without a role."""
    used = {name for other in ROLES if other in answers for name in answers[other].split("+")}
    names = [field.name for field in answers.fields() if field.is_integer and field.constant is None]
    free = [name for name in names if name not in used]
    if role == "length" and not free:
        raise AnswersError("no field can be the length: it is a number of 1, 2, 4 or 8 bytes, and not a constant")
    if role == "length":
        _ask(answers, role, f"{_QUESTIONS[role]} ({', '.join(free)})", _checked_sum(free))
        return
    choices = [*free, NONE, *([IN_ORDER] if role == "id" else [])]
    if role == "id" and SplitId.parse(answers[role]):
        choices.append(answers[role])
    known = answers[role] if answers[role] in choices else NONE
    if not free and known == NONE:
        answers[role] = NONE
    else:
        answers[role] = click.prompt(_QUESTIONS[role], type=click.Choice(choices), default=known)


def _checked_sum(free: Sequence[str]) -> Callable[[str], object]:
    def check(text: str) -> None:
        if unknown := [name for name in text.split("+") if name not in free]:
            raise AnswersError(f"{', '.join(map(repr, unknown))} is not one of {', '.join(free)}")

    return check


def _ask(answers: Answers, key: str, question: str, check: Callable[[str], object]) -> None:
    answers[key] = click.prompt(question, default=answers[key], value_proc=_checked(check))


def _ask_fields(answers: Answers) -> None:
    """Ask for the fields one by one; an empty list keeps those that were suggested."""
    click.echo("The header's fields in order, as NAME:BYTES, NAME:BYTES=VALUE for a constant, NAME:BYTES:MEANING.")
    click.echo("An empty line ends the list. An empty list is this one:")
    for text in answers["fields"]:
        click.echo(f"  {text}")
    texts: list[str] = []
    offset = len(parse_magic(answers["magic"]))
    taken = ["magic"] if offset else []
    check = _checked(lambda text: _check_field(text, taken))
    while text := click.prompt(f"  offset {offset}", default="", show_default=False, value_proc=check):
        field = Field.parse(text)
        texts.append(text)
        taken.append(field.name)
        offset += field.size
    answers["fields"] = texts or answers["fields"]


def _check_field(text: str, taken: Sequence[str]) -> None:
    if text and (name := Field.parse(text).name) in taken:
        raise AnswersError(f"the field {name} comes twice")


def _check_counts(text: str) -> None:
    if not is_count(text):
        raise AnswersError(f"{text!r} is neither one of {', '.join(COUNTS)} nor a whole number")


def _checked(check: Callable[[str], object]) -> Callable[[str], Any]:
    """Return a function for click, which asks again if that raises a usage error."""

    def convert(text: str) -> str:
        try:
            check(text)
        except AnswersError as error:
            raise click.UsageError(str(error)) from error
        return text

    return convert
