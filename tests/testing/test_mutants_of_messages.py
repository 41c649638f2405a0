"""The kit finds what codecs do wrong with messages, changes and answers."""

import pytest
from mutants.changes import CHANGES
from mutants.messages import MESSAGES
from mutants.mutant import Mutant
from mutants.replies import REPLIES
from mutants.trial import DRAWN, FEW, hold_to_its_list


@pytest.mark.parametrize("mutant", [*MESSAGES, *CHANGES, *REPLIES], ids=lambda mutant: mutant.name)
def test_a_mutant_fails_the_properties_that_its_fault_breaks_and_no_others(mutant: Mutant) -> None:
    hold_to_its_list(mutant, DRAWN if mutant.messages else FEW)
