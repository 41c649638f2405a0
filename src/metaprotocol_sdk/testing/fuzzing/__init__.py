"""Fuzzing: holds a codec to the properties of the kit on bytes that nobody would think of.

An input is a stream of bytes, as it could come from a network, and nothing else, so that a recording is an input, and a
saved input can be inspected. It is tried in both directions, in one piece and cut; its messages are forwarded, changed
and answered.
"""

from metaprotocol_sdk.testing._watchdog import Endless, watchdog
from metaprotocol_sdk.testing.fuzzing._loop import FuzzLoop, minimised, shrunk
from metaprotocol_sdk.testing.fuzzing._mutator import CHANGES, MOST, Material, Mutator, fuzz_seeds, tokens
from metaprotocol_sdk.testing.fuzzing._target import FUZZ, Finding, FuzzTarget

__all__ = [
    "CHANGES",
    "FUZZ",
    "MOST",
    "Endless",
    "Finding",
    "FuzzLoop",
    "FuzzTarget",
    "Material",
    "Mutator",
    "fuzz_seeds",
    "minimised",
    "shrunk",
    "tokens",
    "watchdog",
]

for _name in __all__:
    if callable(globals()[_name]):
        globals()[_name].__module__ = __name__
