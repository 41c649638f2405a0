"""The codec can be made, and says what it is."""

from __future__ import annotations

import copy
import inspect
from itertools import islice
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk import Capability, Codec, Correlation, Direction, Layout, Limits, Scanner, UpstreamConnection
from metaprotocol_sdk.testing._case import Violation, assume, escaped, shown
from metaprotocol_sdk.testing._properties.messages import once
from metaprotocol_sdk.testing._property import Level, Tier, prove
from metaprotocol_sdk.testing._subject import MOST_EXAMPLES, is_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-REGISTRY-001",
    Tier.REGISTRY,
    once,
    title="The codec can be made without options, and frames both directions",
    why="A mesh makes the codec from its name alone, which is part of a port's name.",
    fix="Give every option of `__init__` a default, and let `framing.scanner` return a `Scanner` for each `Direction`.",
)
def is_made(subject: Subject, case: Case) -> None:
    codec = subject.make()
    if not isinstance(codec, Codec):
        raise Violation(f"it is {shown(codec)}, which is not a Codec")
    for direction in Direction:
        scanner = codec.framing.scanner(direction, codec.limits)
        if not isinstance(scanner, Scanner):
            raise Violation(f"framing.scanner returned {shown(scanner)}, which is not a Scanner")


@prove(
    "MP-REGISTRY-002",
    Tier.REGISTRY,
    once,
    title="The attributes of the class have the right types and values",
    why="Proxies read these attributes when they start; a wrong one fails on the first request instead.",
    fix="Look at the attribute that the diagnosis names: Codec's documentation says what it holds.",
)
def describes_itself(subject: Subject, case: Case) -> None:
    codec = subject.make()
    wrong = [name for name, sound in _SOUND.items() if not sound(getattr(codec, name))]
    if wrong:
        raise Violation("; ".join(f"{name} is {shown(getattr(codec, name))}" for name in wrong))


_SOUND: dict[str, Callable[[Any], bool]] = {
    "capabilities": lambda value: isinstance(value, frozenset) and all(isinstance(one, Capability) for one in value),
    "correlation": lambda value: isinstance(value, Correlation),
    "max_request_id": lambda value: isinstance(value, int) and value >= 0,
    "server_first": lambda value: isinstance(value, bool),
    "ordered_replies": lambda value: isinstance(value, bool),
    "upstream_connection": lambda value: isinstance(value, UpstreamConnection),
    "reserved_ids": lambda value: isinstance(value, frozenset) and all(isinstance(one, int) for one in value),
    "layout": lambda value: value is None or isinstance(value, Layout),
    "limits": lambda value: isinstance(value, Limits),
    "echoed_properties": lambda value: isinstance(value, frozenset) and all(isinstance(one, str) for one in value),
}


@prove(
    "MP-REGISTRY-003",
    Tier.REGISTRY,
    once,
    title="There are messages to try the codec on",
    why="Nearly every property needs a valid message to begin with; without one, passing means nothing.",
    fix="Return some valid messages of each kind from `examples()`, or give the kit vectors or a strategy.",
)
def gives_messages(subject: Subject, case: Case) -> None:
    examples = list(islice(subject.make().examples(), MOST_EXAMPLES + 1))
    if len(examples) > MOST_EXAMPLES:
        raise Violation(
            f"examples() yields more than {MOST_EXAMPLES:,} messages, perhaps without end; a few are enough"
        )
    for example in examples:
        if not is_message(example):
            raise Violation(f"examples() yields {shown(example)}, which is not a pair of Direction and bytes")
    if not (examples or subject.vectors or subject.messages):
        raise Violation("examples() yields no message, and there are neither vectors nor a strategy")


@prove(
    "MP-REGISTRY-004",
    Tier.REGISTRY,
    once,
    level=Level.RECOMMENDED,
    title="The repr names the class",
    why="Logs and error reports show the codec; an object at an address helps nobody.",
    fix="Keep the `__repr__` of `Codec`, which shows the options too.",
)
def has_a_repr(subject: Subject, case: Case) -> None:
    codec = subject.make()
    text = repr(codec)
    if type(codec).__name__ not in text or " object at 0x" in text:
        raise Violation(f"the repr is {shown(text)}; {type(codec).__name__}(...) is expected")


@prove(
    "MP-REGISTRY-005",
    Tier.REGISTRY,
    once,
    level=Level.RECOMMENDED,
    title="The codec can be copied",
    why="Engines with several workers give each one a copy; a codec that holds a lock or a file cannot be given away.",
    fix="Hold options and limits only, and open nothing in `__init__`.",
)
def can_be_copied(subject: Subject, case: Case) -> None:
    try:
        twin = copy.deepcopy(subject.make())
    except Exception as error:
        raise escaped(error, "copy.deepcopy") from error
    if type(twin) is not type(subject.make()):
        raise Violation(f"the copy is {shown(twin)}")


@prove(
    "MP-REGISTRY-006",
    Tier.REGISTRY,
    once,
    title="An optional method that is overridden takes the contract's arguments",
    why="A proxy calls these methods by position, long after start-up.",
    fix="Give the method the parameters that the one of `Codec` has.",
)
def takes_the_arguments(subject: Subject, case: Case) -> None:
    codec = type(subject.make())
    overridden = [name for name in _ARGUMENTS if getattr(codec, name) is not getattr(Codec, name)]
    for name in overridden:
        try:
            inspect.signature(getattr(codec, name)).bind(*(None,) * _ARGUMENTS[name])
        except TypeError as error:
            raise Violation(f"{name}() cannot be called as the contract says: {error}") from error
    assume(overridden)


_ARGUMENTS = {
    "decode": 3,
    "encode": 4,
    "on_error": 3,
    "heartbeat_reply": 2,
    "spans": 2,
    "examples": 1,
    "for_connection": 1,
    "complete": 2,
    "error_type": 2,
    "refuse": 2,
    "layout_of": 2,
}
