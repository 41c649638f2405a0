"""Hypothesis strategies for messages, for streams, and for damage to them.

The kit itself draws from them. All of them shrink to something simple: a short message, no cut, no change.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from typing import TYPE_CHECKING, Any

from hypothesis.strategies import SearchStrategy

from metaprotocol_sdk.testing._hypothesis import (
    cut_points,
    damaged,
    directions,
    error_types,
    from_layout,
    mutations,
    streams,
    texts,
)
from metaprotocol_sdk.testing._properties.messages import any_message
from metaprotocol_sdk.testing._subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from metaprotocol_sdk import Codec, Direction

    Message = tuple[Direction, bytes]

__all__ = [
    "cut_points",
    "damaged",
    "directions",
    "error_types",
    "from_codec",
    "from_layout",
    "mutations",
    "streams",
    "texts",
]


STRATEGY_GROUP = "metaprotocol.strategies"
"""The entry-point group in which a distribution announces, under its codec's name, a function that returns a strategy
for valid messages: pairs of a `Direction` and the bytes of one message. It takes the codec, whose options may say which
messages are valid, or nothing."""


def from_codec(
    make: Callable[[], Codec],
    *,
    vectors: Iterable[Sequence[Message]] = (),
    messages: SearchStrategy[Message] | None = None,
) -> SearchStrategy[Message]:
    """Generate messages that a codec frames: its examples, others that are given, and those that its layout allows.

    Some of them have bytes changed, and need not decode.

    Args:
        make: Returns a new codec: its class, or a function without arguments.
        vectors: Recorded connections, each a sequence of messages.
        messages: Generates valid messages, or None.

    Raises:
        ValueError: There are neither examples nor a layout, nor are messages given.
    """
    cases = any_message(Subject(make, vectors=vectors, messages=messages))
    if cases is None:
        raise ValueError("the codec has neither examples nor a layout, and no messages are given")
    return cases.map(lambda case: (case.direction, case.data))


def provided_messages(name: str, codec: Codec) -> SearchStrategy[tuple[Direction, bytes]] | None:
    """Return the strategy that is announced for a codec, or None.

    Args:
        name: The codec's name.
        codec: The codec, with its options.

    Raises:
        ValueError: The function that is announced does not load, or does not return a strategy.
    """
    for entry in importlib.metadata.entry_points(group=STRATEGY_GROUP, name=name):
        return strategy_at(entry.value, codec)
    return None


def provided_deviations(name: str) -> dict[str, str]:
    """Return the deviations that are declared beside the strategy that is announced for a codec.

    They are in the variable `deviations` of the function's module: by the id of a property, the reason why the codec
    does not have it.

    Args:
        name: The codec's name.
    """
    for entry in importlib.metadata.entry_points(group=STRATEGY_GROUP, name=name):
        declared: dict[str, str] = getattr(importlib.import_module(entry.module), "deviations", {})
        return dict(declared)
    return {}


def strategy_at(target: str, codec: Codec) -> SearchStrategy[tuple[Direction, bytes]]:
    """Return the strategy that a function returns for a codec.

    Args:
        target: The function, as "package.module:function". It takes the codec or nothing.
        codec: The codec, with its options.

    Raises:
        ValueError: It does not load, or does not return a strategy.
    """
    module, _, name = target.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        takes_codec = bool(inspect.signature(function).parameters)
        found: Any = function(codec) if takes_codec else function()
    except Exception as error:
        raise ValueError(f"the messages {target} do not load: {type(error).__name__}: {error}") from error
    if not isinstance(found, SearchStrategy):
        raise ValueError(f"the messages {target} are {found!r}, which is not a strategy")  # noqa: TRY004 - a wrong value
    return found


for _name in __all__:
    globals()[_name].__module__ = __name__
