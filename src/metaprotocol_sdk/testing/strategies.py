"""Hypothesis strategies for messages, for streams, and for damage to them.

The kit itself draws from them. All of them shrink to something simple: a short message, no cut, no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    from hypothesis.strategies import SearchStrategy

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


for _name in __all__:
    globals()[_name].__module__ = __name__
