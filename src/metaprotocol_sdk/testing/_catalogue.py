"""What the kit holds a codec to: properties with stable ids, and where they are listed."""

from __future__ import annotations

import importlib
from enum import IntEnum, StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_sdk import Capability
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._sources import Source
    from metaprotocol_sdk.testing._subject import Subject


class Tier(IntEnum):
    """What a property builds on: what fails in one tier makes the later ones say nothing new."""

    REGISTRY = 0
    """The codec can be made, and says what it is."""
    MESSAGE = 1
    """One whole message."""
    STREAM = 2
    """Messages on connections."""
    CHANGE = 3
    """Mutations and replies."""
    HOSTILE = 4
    """Bytes that no friend sent."""
    COST = 5
    """Time and memory."""


class Level(StrEnum):
    """Whether a codec that lacks a property fails."""

    REQUIRED = "required"
    """It fails."""
    RECOMMENDED = "recommended"
    """It is reported; it fails only in a strict run."""


@frozen
class Property:
    """One thing that must hold of every codec.

    Args:
        id: Its name for ever, such as "MP-STREAM-001".
        tier: What it builds on.
        level: Whether a codec that lacks it fails.
        title: The property, as a sentence.
        why: What happens in a mesh without it.
        fix: Where to look.
        source: Where its cases come from.
        check: Raises `Violation` if the property does not hold of one case; returns `NOTHING` if the case says
            nothing about it.
        claim: The capability without which nobody expects the property; None if it is expected of all codecs.
    """

    id: str
    tier: Tier
    level: Level
    title: str
    why: str
    fix: str
    source: Source = field(repr=False)
    check: Callable[[Subject, Case], object] = field(repr=False)
    claim: Capability | None = None

    @property
    def test_name(self) -> str:
        """The name of its test method, such as "test_mp_stream_001"."""
        return f"test_{self.id.lower().replace('-', '_')}"


# What a check returns for a case that says nothing about its property.
NOTHING = object()

_MODULES = (
    "registry",
    "message",
    "identity",
    "ids",
    "threads",
    "framing",
    "stream",
    "ends",
    "connections",
    "mutation",
    "changed",
    "texts",
    "claims",
    "replies",
    "answers",
    "hostile",
    "repetition",
    "aftermath",
    "growth",
    "memory",
)
_found: dict[str, Property] = {}


def prove(
    id: str,  # noqa: A002 - the word for it
    tier: Tier,
    source: Source,
    *,
    title: str,
    why: str,
    fix: str,
    level: Level = Level.REQUIRED,
    claim: Capability | None = None,
) -> Callable[[Callable[[Subject, Case], object]], Callable[[Subject, Case], object]]:
    """Put a check into the catalogue."""

    def register(check: Callable[[Subject, Case], object]) -> Callable[[Subject, Case], object]:
        if id in _found:
            raise ValueError(f"there are two properties {id}")
        _found[id] = Property(id, tier, level, title, why, fix, source, check, claim)
        return check

    return register


@cache
def catalogue() -> tuple[Property, ...]:
    """Return every property: tier by tier, and in a tier what others build on first."""
    for name in _MODULES:
        importlib.import_module(f"metaprotocol_sdk.testing._properties.{name}")
    return tuple(sorted(_found.values(), key=lambda found: found.tier))


def properties(only: Iterable[str] = ()) -> tuple[Property, ...]:
    """Return the properties that match one of the patterns, such as `MP-STREAM-*`; all of them without patterns.

    Raises:
        ValueError: A pattern matches no property.
    """
    patterns = [pattern.upper() for pattern in only]
    for pattern in patterns:
        if not any(fnmatchcase(found.id, pattern) for found in catalogue()):
            raise ValueError(f"no property matches {pattern!r}; `metaprotocol check --list` shows them all")
    if not patterns:
        return catalogue()
    return tuple(found for found in catalogue() if any(fnmatchcase(found.id, pattern) for pattern in patterns))
