"""The kit finds what scanners do wrong, and what hostile bytes do to codecs."""

import pytest
from mutants.framings import FRAMINGS, SoundScanner
from mutants.hostile import HOSTILE, Blobs
from mutants.mutant import Mutant
from mutants.trial import FEW, hold_to_its_list

from metaprotocol_sdk.testing import Subject, check


@pytest.mark.parametrize("mutant", [*FRAMINGS, *HOSTILE], ids=lambda mutant: mutant.name)
def test_a_mutant_fails_the_properties_that_its_fault_breaks_and_no_others(mutant: Mutant) -> None:
    hold_to_its_list(mutant, FEW)


@pytest.mark.parametrize("good", [SoundScanner, Blobs])
def test_a_codec_without_a_fault_fails_nothing(good) -> None:
    assert check(Subject(good, effort=FEW), stop=False).failing() == set()
