"""The kit finds what codecs and scanners do wrong.

`make test` holds most mutants only to the properties that their fault breaks, and of those of cost, which take seconds,
only to the first. `make mutants` holds each to all properties.
"""

import pytest
from mutants.framings import SoundScanner
from mutants.hostile import Blobs
from mutants.mutant import Mutant
from mutants.trial import FEW, MUTANTS, try_mutant, unexpected

from metaprotocol_sdk.testing import Report, Subject, catalogue, check

# Each takes seconds until it has failed. Others fail the same properties, and `make mutants` tries these, too.
SLOW = {
    "CountsTheLinesBeforeEachField",
    "KeepsTheHeaderOfTheMessageBefore",
    "LengthThatCountsTheHeaderTwice",
    "LooksAtBytesThatAreGone",
    "NeverEnds",
    "NumbersItsMessages",
    "PopsTheFirstElement",
    "ReadsOneByteTooMany",
    "SearchesAList",
    "SearchesAllHeadersForEachHeader",
    "SearchesByARegularExpression",
    "SearchesFromTheBeginning",
    "SearchesTheResponseForItsReason",
    "SearchesTheResponseThatItCompletes",
    "StopsOneByteEarly",
    "UsesNoByte",
}
QUICK = [mutant for mutant in MUTANTS if mutant.name not in SLOW]


def first_listed(mutant: Mutant, report: Report) -> str:
    """Return the first property of a report that a mutant fails, as the report of a user begins with it."""
    return next(result.property.id for result in report.results if result.property.id in mutant.fails)


def quickly_tried(mutant: Mutant) -> set[str]:
    """Return the properties that a mutant fails, without the second of cost and those after it."""
    cost = sorted(name for name in mutant.fails if name.startswith("MP-COST-"))
    return mutant.fails - set(cost[1:])


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_a_mutant_fails_the_properties_that_its_fault_breaks(mutant: Mutant) -> None:
    report = try_mutant(mutant, quickly_tried(mutant))
    assert unexpected(mutant, report) == {}
    assert first_listed(mutant, report) == mutant.first


@pytest.mark.mutants
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fails_no_other_property(mutant: Mutant) -> None:
    report = try_mutant(mutant)
    assert unexpected(mutant, report) == {}
    assert first_listed(mutant, report) == mutant.first


@pytest.mark.mutants
@pytest.mark.parametrize("good", [SoundScanner, Blobs])
def test_a_codec_without_a_fault_fails_nothing(good) -> None:
    assert check(Subject(good, effort=FEW), stop=False).failing() == set()


def test_there_is_a_mutant_for_every_property() -> None:
    failed = {name for mutant in MUTANTS for name in mutant.fails}
    assert {found.id for found in catalogue()} - failed == set()


def test_a_slow_mutant_fails_what_others_fail() -> None:
    failed = {name for mutant in QUICK for name in mutant.fails}
    slow = [mutant for mutant in MUTANTS if mutant.name in SLOW]
    assert len(slow) == len(SLOW)
    assert {name for mutant in slow for name in mutant.fails} <= failed
