"""Work and depth are tried on protocols with short length fields too: on the longest messages that they can hold."""

import pytest
from toys.memo import (
    CopiesTheRestForEachByte,
    KeepsEveryByteApart,
    LooksBackAtEveryLine,
    MemoCodec,
    RecursesOverLines,
)
from toys.planted import Sound

from metaprotocol_sdk import Direction, LengthField
from metaprotocol_sdk.testing import Effort, Subject, Verdict, check, properties

FEW = Effort("few", examples=3, sweep=800)
ABOUT_SIZE = ["MP-COST-*", "MP-HOSTILE-00[67]"]


def verdicts(codec, only=ABOUT_SIZE) -> set[Verdict]:
    return {result.verdict for result in check(Subject(codec, effort=FEW), only, stop=False).results}


def test_the_toy_is_good() -> None:
    assert check(Subject(MemoCodec, effort=FEW), stop=False).failing() == set()


def test_everything_about_size_is_tried_on_a_codec_with_a_length_of_16_bits() -> None:
    answering = {"MP-COST-008", "MP-COST-009", "MP-COST-010"}  # Memo has no answers
    only = [found.id for found in properties(ABOUT_SIZE) if found.id not in answering]
    assert verdicts(MemoCodec, only) == {Verdict.HOLDS}


@pytest.mark.parametrize(
    ("codec", "property_id"),
    [
        (LooksBackAtEveryLine, "MP-COST-002"),
        (CopiesTheRestForEachByte, "MP-COST-002"),
        (KeepsEveryByteApart, "MP-COST-006"),
        (RecursesOverLines, "MP-HOSTILE-006"),
    ],
)
def test_a_fault_that_shows_in_long_messages_is_found(codec, property_id: str) -> None:
    assert verdicts(codec, [property_id]) == {Verdict.FAILS}


def test_a_length_of_8_bits_leaves_too_little_for_anything_to_go_wrong() -> None:
    class Tiny(Sound):
        framing = LengthField(offset=1, length=1, adjustment=1)

    assert Verdict.FAILS not in verdicts(Tiny)


def test_there_is_room_up_to_what_the_length_field_holds() -> None:
    subject = Subject(MemoCodec)
    shortest = subject.samples[0].data
    assert subject.frames.room(shortest, 1 << 20, Direction.TO_SERVER) == 0xFFFF + 2 - len(shortest)
    assert subject.frames.room(shortest, 100, Direction.TO_SERVER) == 100
