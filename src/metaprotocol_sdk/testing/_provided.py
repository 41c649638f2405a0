"""Strategies that a codec's distribution provides, so that whoever checks the codec by name draws from them."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from typing import TYPE_CHECKING, Any

from hypothesis.strategies import SearchStrategy

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Direction

STRATEGY_GROUP = "metaprotocol.strategies"
"""The entry-point group in which a distribution announces, under its codec's name, a function that returns a strategy
for valid messages: pairs of a `Direction` and the bytes of one message. It takes the codec, whose options may say which
messages are valid, or nothing."""


def provided_messages(name: str, codec: Codec) -> SearchStrategy[tuple[Direction, bytes]] | None:
    """Return the strategy that is announced for a codec, or None.

    Args:
        name: The codec's name.
        codec: The codec, with its options.

    Raises:
        ValueError: What is announced does not load, or is no such function.
    """
    for entry in importlib.metadata.entry_points(group=STRATEGY_GROUP, name=name):
        return strategy_at(entry.value, codec)
    return None


def strategy_at(target: str, codec: Codec) -> SearchStrategy[tuple[Direction, bytes]]:
    """Return what a function returns for a codec.

    Args:
        target: The function, as "package.module:function". It takes the codec or nothing.
        codec: The codec, with its options.

    Raises:
        ValueError: It does not load, or is no such function.
    """
    module, _, name = target.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        takes_codec = bool(inspect.signature(function).parameters)
        found: Any = function(codec) if takes_codec else function()
    except Exception as error:
        raise ValueError(f"the messages {target} do not load: {type(error).__name__}: {error}") from error
    if not isinstance(found, SearchStrategy):
        raise ValueError(f"the messages {target} are {found!r}, which is no strategy")  # noqa: TRY004 - a wrong value
    return found
