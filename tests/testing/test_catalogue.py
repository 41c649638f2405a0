"""The catalogue finds every property by itself, in an order that nobody keeps by hand."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest
from attrs import evolve

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import testing
from metaprotocol_sdk.testing import Case, Property, Subject, Verdict, Violation, catalogue, check_property
from metaprotocol_sdk.testing import _properties as modules
from metaprotocol_sdk.testing._case import Unsatisfied, assume, assumed
from metaprotocol_sdk.testing._property import prove

PACKAGES = ["metaprotocol_sdk.testing", "metaprotocol_sdk.testing.strategies", "metaprotocol_sdk.testing.fuzzing"]
A_PROPERTY = catalogue()[0]


def deciding(check) -> Property:
    """Return a property of one case without bytes, for which a function decides."""
    return evolve(A_PROPERTY, check=check)


def test_each_module_has_properties_that_are_in_the_catalogue() -> None:
    found = {inspect.getmodule(one.check).__name__.rpartition(".")[2] for one in catalogue()}
    assert found == {module.name for module in pkgutil.iter_modules(modules.__path__)}


@pytest.mark.parametrize("first", ["fuzzing", "strategies", "_properties.streams", "_properties.malformed"])
def test_the_order_is_the_same_whichever_module_is_imported_first(first: str) -> None:
    program = (
        f"import metaprotocol_sdk.testing.{first}, metaprotocol_sdk.testing as kit;"
        "print(*(one.id for one in kit.catalogue()))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [one.id for one in catalogue()]


def test_the_tiers_come_one_after_the_other() -> None:
    tiers = [one.tier for one in catalogue()]
    assert tiers == sorted(tiers)


def test_an_id_is_given_once() -> None:
    again = prove(A_PROPERTY.id, A_PROPERTY.tier, A_PROPERTY.source, title="", why="", fix="")
    with pytest.raises(ValueError, match=f"there are two properties {A_PROPERTY.id}"):
        again(lambda subject, case: None)


def test_a_case_that_says_nothing_is_counted_as_tried_and_not_as_telling() -> None:
    result = check_property(Subject(AwesomeRpcCodec), deciding(lambda subject, case: assume(case.data)))
    assert (result.verdict, result.cases, result.telling) == (Verdict.NOTHING, 1, 0)


def test_a_case_that_says_something_is_counted_as_telling() -> None:
    result = check_property(Subject(AwesomeRpcCodec), deciding(lambda subject, case: assume(not case.data)))
    assert (result.verdict, result.cases, result.telling) == (Verdict.HOLDS, 1, 1)


def test_a_check_cannot_catch_the_end_of_its_case_by_mistake() -> None:
    def careless(subject: Subject, case: Case) -> None:
        try:
            assumed(case.request)
        except Exception as error:
            raise Violation("a missing request was taken for a failure") from error

    assert check_property(Subject(AwesomeRpcCodec), deciding(careless)).verdict is Verdict.NOTHING
    assert not issubclass(Unsatisfied, Exception)


def test_what_is_assumed_is_handed_on() -> None:
    assert assumed(b"") == b""  # there is one, though it is empty
    with pytest.raises(Unsatisfied):
        assumed(None)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_public_name_is_shown_as_the_place_that_people_import_it_from(name: str) -> None:
    package = importlib.import_module(name)
    named = {key: getattr(package, key).__module__ for key in package.__all__ if callable(getattr(package, key))}
    assert set(named.values()) == {name}


def test_a_violation_is_shown_with_the_name_to_import() -> None:
    assert f"{testing.Violation.__module__}.{testing.Violation.__qualname__}" == "metaprotocol_sdk.testing.Violation"
