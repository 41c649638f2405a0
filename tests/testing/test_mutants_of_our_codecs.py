"""The kit finds a changed line in the codecs of Dubbo and Thrift."""

import pytest
from mutants.lines import LINES
from mutants.mutant import Mutant
from mutants.trial import DRAWN, FEWER, hold_to_its_list


@pytest.mark.parametrize("mutant", LINES, ids=lambda mutant: mutant.name)
def test_a_mutant_fails_the_properties_that_its_fault_breaks_and_no_others(mutant: Mutant) -> None:
    hold_to_its_list(mutant, DRAWN if mutant.messages else FEWER)
