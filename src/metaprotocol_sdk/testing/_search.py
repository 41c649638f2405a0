"""Hypothesis, as the kit uses it: the same cases in every run, no database, nothing printed."""

from __future__ import annotations

import contextlib
import hashlib
import io
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky, Unsatisfiable

from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk import Direction
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._effort import Effort
    from metaprotocol_sdk.testing._subject import Subject


T = TypeVar("T")

_CHECKS = [
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.too_slow,
]


def _settings(examples: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=_CHECKS,
        verbosity=Verbosity.quiet,
        print_blob=False,
    )


@contextlib.contextmanager
def _the_same_everywhere() -> Iterator[None]:
    """Keep hypothesis from drawing numbers and texts that stand in the modules that happen to be loaded.

    With them a test suite would try other cases than the command does.
    """
    try:
        from hypothesis.internal.conjecture import providers
        from hypothesis.internal.constants_ast import Constants

        found, none = providers._get_local_constants, Constants()  # noqa: SLF001 - there is no setting
    except (ImportError, AttributeError, TypeError):
        yield
        return
    providers._get_local_constants = lambda: none  # noqa: SLF001
    providers.CONSTANTS_CACHE.cache.clear()
    try:
        yield
    finally:
        providers._get_local_constants = found  # noqa: SLF001
        providers.CONSTANTS_CACHE.cache.clear()


def some(values: SearchStrategy[T], count: int) -> list[T]:
    """Return some values of a strategy, the same ones in every run."""
    found: list[T] = []

    @_settings(count, Phase.generate)
    @given(values)
    def collect(value: T) -> None:
        found.append(value)

    with _the_same_everywhere():
        collect()
    return found


def search(cases: SearchStrategy[Case], check: Callable[[Case], None], effort: Effort, seed: str) -> None:
    """Look for a case that fails a check, and shrink it.

    Args:
        cases: Generates cases.
        check: Raises `Violation` with its case.
        effort: How many cases to try.
        seed: What tells this search from others: two searches with different seeds try different cases.

    Raises:
        Violation: The smallest that was found.
    """

    @_settings(effort.examples, Phase.generate, Phase.shrink)
    @given(cases)
    def holds(case: Case) -> None:
        check(case)

    with contextlib.suppress(AttributeError):  # hypothesis' own, and only an improvement
        holds.hypothesis.inner_test._hypothesis_internal_add_digest = hashlib.sha256(seed.encode()).digest()  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        with contextlib.redirect_stdout(io.StringIO()), _the_same_everywhere():
            holds()
    except Flaky as error:
        raise _flaky(error) from error
    except Unsatisfiable:
        return


def run_machine(subject: Subject, pool: list[tuple[Direction, bytes]]) -> None:
    """Look for a history of connections that fails, and shorten it.

    Raises:
        Violation: The shortest that was found.
    """
    from hypothesis.stateful import run_state_machine_as_test

    from metaprotocol_sdk.testing._machine import machine

    options = settings(_settings(subject.effort.examples, Phase.generate, Phase.shrink), stateful_step_count=20)
    try:
        with contextlib.redirect_stdout(io.StringIO()), _the_same_everywhere():
            run_state_machine_as_test(machine(subject, pool), settings=options)
    except Flaky as error:
        raise _flaky(error) from error


def _flaky(error: Flaky) -> Violation:
    causes = [cause for cause in getattr(error, "exceptions", ()) if isinstance(cause, Violation)]
    case = causes[0].case if causes else None
    diagnosis = f": {causes[0].diagnosis}" if causes else ""
    return Violation(f"it does not always happen, so the codec remembers something{diagnosis}", case)
