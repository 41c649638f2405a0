"""Tries the kit on a mutant."""

from collections.abc import Iterable

import attrs
from mutants.changes import CHANGES
from mutants.contract import CONTRACT
from mutants.costs import COSTS
from mutants.framings import FRAMINGS
from mutants.hostile import HOSTILE
from mutants.lines import LINES
from mutants.messages import MESSAGES
from mutants.mutant import Mutant
from mutants.replies import REPLIES

from metaprotocol_sdk.testing import Effort, Report, Subject, check

# A new list is entered here and nowhere else.
MUTANTS = [*FRAMINGS, *MESSAGES, *CHANGES, *REPLIES, *CONTRACT, *HOSTILE, *COSTS, *LINES]

# Few cases, so that what is found is found by every run. Seconds only end what never ends, and no case of the others
# takes one: a loaded machine finds the same.
FEW = Effort("few", examples=5, sweep=3_000, cpu_seconds=60.0)
_ENDLESS = attrs.evolve(FEW, cpu_seconds=0.5)
# The real codecs have longer messages.
_FEWER = Effort("fewer", examples=5, sweep=800, cpu_seconds=60.0)
# What only drawn messages show needs most of what can be done with them.
_DRAWN = Effort("drawn", examples=5, sweep=1_500, cpu_seconds=60.0)


def try_mutant(mutant: Mutant, only: Iterable[str] = ()) -> Report:
    """Hold a mutant to some properties, or to all.

    Args:
        mutant: The codec with a fault.
        only: The ids of the properties; none means all.
    """
    messages = mutant.messages and mutant.messages()
    effort = FEW if mutant.ends else _ENDLESS
    if messages is not None or mutant in LINES:
        effort = _FEWER if messages is None else _DRAWN
    return check(Subject(mutant.make, messages=messages, effort=effort), only, stop=False)


def unexpected(mutant: Mutant, report: Report) -> dict[str, str]:
    """Return what differs from a mutant's list, by id: the diagnosis, or "holds"."""
    tried = {result.property.id: result for result in report.results}
    expected = mutant.fails & tried.keys()
    deviations = mutant.deviations - mutant.fails
    return {name: tried[name].diagnosis or "holds" for name in sorted((report.failing() ^ expected) - deviations)}
