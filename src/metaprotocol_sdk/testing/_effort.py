"""How hard the kit tries. Effort is counted in cases, never in seconds."""

from __future__ import annotations

from attrs import frozen


@frozen
class Effort:
    """How many cases each property is tried on.

    Args:
        name: What it is called on a command line.
        examples: Random cases a property.
        sweep: Systematic cases a property; of more, so many are chosen. None takes all.
        cpu_seconds: Processor time that one case may take before it counts as endless.
    """

    name: str
    examples: int
    sweep: int | None
    cpu_seconds: float = 10.0


QUICK = Effort("quick", 20, 3_000)
DEFAULT = Effort("default", 60, 8_000)
THOROUGH = Effort("thorough", 1_500, None)

EFFORTS = {effort.name: effort for effort in (QUICK, DEFAULT, THOROUGH)}
