"""A property that nothing fails would be no check."""

from mutants.changes import CHANGES
from mutants.framings import FRAMINGS
from mutants.hostile import HOSTILE
from mutants.lines import LINES
from mutants.messages import MESSAGES
from mutants.replies import REPLIES

from metaprotocol_sdk.testing import catalogue


def test_there_is_a_mutant_for_every_property() -> None:
    mutants = [*FRAMINGS, *MESSAGES, *CHANGES, *REPLIES, *HOSTILE, *LINES]
    failed = {name for mutant in mutants for name in mutant.fails}
    assert {found.id for found in catalogue()} - failed == set()
