"""Ids are for ever: the catalogue is what its history says, and the history keeps what the promises page says.

Each line of `docs/conformance/history.csv` tells what a property became in a version: recommended, required, or
retired when it was taken back. Lines are only ever added at the end.
"""

import csv
import importlib.metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from metaprotocol_sdk.testing import Level, catalogue

HISTORY = Path(__file__).parents[2] / "docs" / "conformance" / "history.csv"
FIRST = (0, 1)


class Event(NamedTuple):
    version: tuple[int, int]
    id: str
    became: str


def read_history() -> list[Event]:
    with HISTORY.open(encoding="utf-8", newline="") as file:
        return [Event(minor(row["version"]), row["id"], row["level"]) for row in csv.DictReader(file)]


def minor(version: str) -> tuple[int, int]:
    major, number, *_ = version.split(".")
    return int(major), int(number)


def broken_promise(events: list[Event]) -> str:
    """Return what of a history breaks the promises; "" if nothing does."""
    last: dict[str, Event] = {}
    at = FIRST
    for event in events:
        before, last[event.id] = last.get(event.id), event
        if event.version < at:
            return f"{event.id} was put before lines of later versions"
        at = event.version
        if before is None and event.version > FIRST and event.became != "recommended":
            return f"{event.id} is new and must come as recommended"
        if before is None:
            continue
        if before.became in (event.became, "retired"):
            return f"{event.id} was {before.became} already"
        if event.became == "required" and event.version == before.version:
            return f"{event.id} must stay recommended for one minor version"
    return ""


def test_the_catalogue_is_what_its_history_says() -> None:
    current = {event.id: event.became for event in read_history()}
    written = {found.id: str(found.level) for found in catalogue()}
    assert written == {id_: became for id_, became in current.items() if became != "retired"}, (
        "add a line to docs/conformance/history.csv; docs/conformance/promises.md says which changes are allowed"
    )


def test_the_history_keeps_the_promises() -> None:
    assert broken_promise(read_history()) == ""


def test_nothing_in_the_history_is_from_a_version_to_come() -> None:
    this = minor(importlib.metadata.version("metaprotocol-sdk"))
    assert max(event.version for event in read_history()) <= this


def test_a_line_names_a_level() -> None:
    assert {event.became for event in read_history()} <= {*map(str, Level), "retired"}


OLD = Event((0, 1), "MP-OLD-001", "required")
NEW = Event((0, 2), "MP-NEW-001", "recommended")


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([OLD, NEW, NEW._replace(version=(0, 3), became="required")], ""),
        ([OLD, OLD._replace(version=(0, 2), became="retired")], ""),
        ([OLD, OLD._replace(version=(0, 2), became="recommended")], ""),
        ([OLD, NEW._replace(became="required")], "MP-NEW-001 is new and must come as recommended"),
        ([OLD, NEW, NEW._replace(became="required")], "MP-NEW-001 must stay recommended for one minor version"),
        ([NEW, OLD], "MP-OLD-001 was put before lines of later versions"),
        (
            [OLD, OLD._replace(version=(0, 2), became="retired"), OLD._replace(version=(0, 3), became="recommended")],
            "MP-OLD-001 was retired already",
        ),
    ],
)
def test_what_breaks_a_promise_is_found(events: list[Event], complaint: str) -> None:
    assert broken_promise(events) == complaint
