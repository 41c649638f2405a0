"""Tries the kit on a mutant."""

from mutants.mutant import Mutant

from metaprotocol_sdk.testing import Effort, Subject, check

# Few cases, so that what is found is found by every run.
FEW = Effort("few", examples=5, sweep=3_000, cpu_seconds=1.0)
# The real codecs have longer messages, and none of their mutants is endless.
FEWER = Effort("fewer", examples=5, sweep=800, cpu_seconds=20.0)
# What only drawn messages show needs most of what can be done with them.
DRAWN = Effort("drawn", examples=5, sweep=1_500, cpu_seconds=20.0)


def hold_to_its_list(mutant: Mutant, effort: Effort) -> None:
    """Check that a mutant fails the properties that are listed beside it, and no others, and which comes first."""
    messages = mutant.messages and mutant.messages()
    report = check(Subject(mutant.make, messages=messages, effort=effort), stop=False)
    diagnoses = {result.property.id: result.diagnosis for result in report.results if result.diagnosis}
    assert report.failing() == mutant.fails, {key: diagnoses.get(key) for key in report.failing() ^ mutant.fails}
    first = next(result.property.id for result in report.results if result.property.id in mutant.fails)
    assert first == mutant.first
