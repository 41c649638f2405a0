"""A bound on the work of a search."""

from __future__ import annotations

# A step is a message that a place leads to, or one whose id is compared: 0.25 microseconds, so this is five seconds.
# 900,000 bytes of Dubbo in messages of 100 bytes take 16 million. The same bytes without the end of the last message
# would take more than 60 million, as all places that lead through them are tried and none is found.
MOST_STEPS = 20_000_000


class Budget:
    """The steps that are left to all searches that share it.

    Args:
        steps: The number of steps.
    """

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    @property
    def is_spent(self) -> bool:
        """True if a search must end with what it has found."""
        return self.left <= 0

    def spend(self, steps: int) -> None:
        """Count steps that were done."""
        self.left -= steps
