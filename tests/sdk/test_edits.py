"""Changes to the bytes of a message, made in one copy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_sdk.edits import Edit, growth, splice


@st.composite
def messages_with_edits(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    """Draw a message, small or large enough for a view, and edits in order."""
    message = draw(st.binary(max_size=60)) * draw(st.sampled_from([1, 200]))
    places = sorted(draw(st.lists(st.integers(0, len(message)), max_size=8)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return message, [Edit(start, end, draw(st.binary(max_size=5))) for start, end in pairs]


def test_a_range_is_replaced_and_the_rest_stays() -> None:
    assert splice(b"GET /old HTTP", [Edit(5, 8, b"new/path")]) == b"GET /new/path HTTP"


def test_an_empty_range_inserts_and_an_empty_replacement_removes() -> None:
    assert splice(b"abcd", [Edit(0, 0, b"<"), Edit(1, 3, b""), Edit(4, 4, b">")]) == b"<ad>"


def test_without_edits_the_very_message_comes_back() -> None:
    message = b"unchanged"
    assert splice(message, []) is message


@given(messages_with_edits(), st.randoms(use_true_random=False))
def test_the_order_in_which_edits_are_given_does_not_matter(case: tuple[bytes, list[Edit]], random) -> None:
    message, edits = case
    edits = [edit for edit in edits if edit.start < edit.end]
    shuffled = random.sample(edits, len(edits))
    assert splice(message, shuffled) == splice(message, edits)


def test_insertions_at_one_index_keep_their_order_and_come_before_a_replacement_there() -> None:
    assert splice(b"abc", [Edit(1, 2, b"B"), Edit(1, 1, b"1"), Edit(1, 1, b"2")]) == b"a12Bc"


@given(messages_with_edits())
def test_splicing_is_cutting_and_joining(case: tuple[bytes, list[Edit]]) -> None:
    message, edits = case
    expected, position = b"", 0
    for start, end, replacement in edits:
        expected += message[position:start] + replacement
        position = end
    assert splice(message, edits) == expected + message[position:]


@given(messages_with_edits())
def test_growth_is_what_a_length_field_must_add(case: tuple[bytes, list[Edit]]) -> None:
    message, edits = case
    assert len(splice(message, edits)) == len(message) + growth(edits)


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 3, b""), Edit(2, 4, b"")],
        [Edit(1, 3, b""), Edit(2, 2, b"x")],
        [Edit(3, 2, b"")],
        [Edit(-1, 2, b"")],
        [Edit(0, 5, b"")],
        [Edit(5, 5, b"x")],
    ],
)
def test_edits_that_overlap_or_lie_outside_are_the_callers_mistake(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="an edit"):
        splice(b"abcd", edits)
