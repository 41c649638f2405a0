"""The kit finds what it must find: each mutant fails just the properties that are listed beside it."""

import pytest
from mutants.changes import CHANGES
from mutants.framings import FRAMINGS, SoundScanner
from mutants.hostile import HOSTILE, Blobs
from mutants.lines import LINES
from mutants.messages import MESSAGES
from mutants.mutant import Mutant
from mutants.replies import REPLIES

from metaprotocol_sdk.testing import Effort, Subject, catalogue, check

MUTANTS = [*FRAMINGS, *MESSAGES, *CHANGES, *REPLIES, *HOSTILE, *LINES]
# Few cases, so that what is found is found by every run.
FEW = Effort("few", examples=5, sweep=3_000, cpu_seconds=1.0)
# The real codecs have longer messages, and none of these mutants is endless.
FEWER = Effort("fewer", examples=5, sweep=800, cpu_seconds=20.0)
# What only drawn messages show needs most of what can be done with them.
DRAWN = Effort("drawn", examples=5, sweep=1_500, cpu_seconds=20.0)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fails_the_properties_that_its_fault_breaks_and_no_others(mutant: Mutant) -> None:
    messages = mutant.messages and mutant.messages()
    effort = DRAWN if mutant.messages else FEWER if mutant in LINES else FEW
    report = check(Subject(mutant.make, messages=messages, effort=effort), stop=False)
    diagnoses = {result.property.id: result.diagnosis for result in report.results if result.diagnosis}
    assert report.failing() == mutant.fails, {key: diagnoses.get(key) for key in report.failing() ^ mutant.fails}
    first = next(result.property.id for result in report.results if result.property.id in mutant.fails)
    assert first == mutant.first


@pytest.mark.parametrize("good", [SoundScanner, Blobs])
def test_a_codec_without_a_fault_fails_nothing(good) -> None:
    assert check(Subject(good, effort=FEW), stop=False).failing() == set()


def test_there_is_a_mutant_for_every_property() -> None:
    """A property that nothing fails would be no check."""
    failed = {name for mutant in MUTANTS for name in mutant.fails}
    assert {found.id for found in catalogue()} - failed == set()
