"""Strategies that a codec's distribution provides, so that whoever checks the codec by name draws from them."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from hypothesis.strategies import SearchStrategy

if TYPE_CHECKING:
    from metaprotocol_sdk import Direction

STRATEGY_GROUP = "metaprotocol.strategies"
"""The entry-point group in which a distribution announces, under its codec's name, a function without arguments that
returns a strategy for valid messages: pairs of a `Direction` and the bytes of one message."""


def provided_messages(name: str) -> SearchStrategy[tuple[Direction, bytes]] | None:
    """Return the strategy that is announced for a codec, or None.

    Args:
        name: The codec's name.

    Raises:
        ValueError: What is announced does not load, or is no such function.
    """
    for entry in importlib.metadata.entry_points(group=STRATEGY_GROUP, name=name):
        return strategy_at(entry.value)
    return None


def strategy_at(target: str) -> SearchStrategy[tuple[Direction, bytes]]:
    """Return what a function returns that is named "package.module:function".

    Raises:
        ValueError: It does not load, or is no such function.
    """
    module, _, name = target.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)()
    except Exception as error:
        raise ValueError(f"the messages {target} do not load: {type(error).__name__}: {error}") from error
    if not isinstance(found, SearchStrategy):
        raise ValueError(f"the messages {target} are {found!r}, which is no strategy")  # noqa: TRY004 - a wrong value
    return found
