"""Every bound is finite, at least 1, and none of the author's to change later."""

import attrs
import pytest

from metaprotocol_sdk import Limits

NAMES = [field.name for field in attrs.fields(Limits)]


def test_these_are_the_bounds() -> None:
    assert NAMES == [
        "max_message_size",
        "max_header_size",
        "max_depth",
        "max_elements",
        "max_references",
        "max_class_definitions",
        "max_key_length",
        "max_value_length",
        "max_decompressed_size",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_default_is_a_finite_whole_number(name: str) -> None:
    assert isinstance(getattr(Limits(), name), int)
    assert 1 <= getattr(Limits(), name) <= 2**31


@pytest.mark.parametrize("name", NAMES)
def test_a_bound_may_be_as_low_as_one(name: str) -> None:
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("value", [0, -1, None, 1.5, "10", True, float("inf")])
@pytest.mark.parametrize("name", NAMES)
def test_anything_else_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"Limits.{name} must be a whole number of at least 1, not "):
        Limits(**{name: value})


def test_bounds_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Limits(100)


def test_limits_are_values_that_cannot_be_changed() -> None:
    assert Limits(max_depth=3) == Limits(max_depth=3) != Limits()
    assert hash(Limits(max_depth=3)) == hash(Limits(max_depth=3))
    with pytest.raises(AttributeError):
        Limits().max_depth = 5
