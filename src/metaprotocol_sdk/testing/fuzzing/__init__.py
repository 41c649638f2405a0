"""Fuzzing: holds a codec to the properties of the kit on bytes that nobody would think of.

An input is a stream of bytes, as it could come from a network, and nothing else, so that a recording is an input, and a
saved input can be inspected. It is tried in both directions, in one piece and cut; what comes out is forwarded,
changed and answered.
"""

from metaprotocol_sdk.testing._work.watchdog import Endless, watchdog
from metaprotocol_sdk.testing.fuzzing._changes import CHANGES, Material
from metaprotocol_sdk.testing.fuzzing._finding import Finding
from metaprotocol_sdk.testing.fuzzing._hunt import Hunt
from metaprotocol_sdk.testing.fuzzing._minimise import minimised, shrunk
from metaprotocol_sdk.testing.fuzzing._mutator import MOST, Mutator
from metaprotocol_sdk.testing.fuzzing._seeds import fuzz_seeds, tokens
from metaprotocol_sdk.testing.fuzzing._trial import FUZZ, Trial

__all__ = [
    "CHANGES",
    "FUZZ",
    "MOST",
    "Endless",
    "Finding",
    "Hunt",
    "Material",
    "Mutator",
    "Trial",
    "fuzz_seeds",
    "minimised",
    "shrunk",
    "tokens",
    "watchdog",
]
