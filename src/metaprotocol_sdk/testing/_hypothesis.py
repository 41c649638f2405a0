"""Hypothesis as the kit uses it: its effort, strategies for messages, and a search with the same cases in every run."""

from __future__ import annotations

import contextlib
import hashlib
import io
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable

from metaprotocol_sdk import Direction, ErrorType, Framing, Layout, LengthField, Mutation
from metaprotocol_sdk.testing._case import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hypothesis.stateful import RuleBasedStateMachine
    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk.testing._case import Case

    Message = tuple[Direction, bytes]

T = TypeVar("T")

_SIGNED = frozenset("bhiq")

_ROUND = 0  # with another number every search tries other cases

_CHECKS = [
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.too_slow,
]


@frozen
class Effort:
    """The number of cases that each property is tried on. Effort is counted in cases, never in seconds.

    Args:
        name: Its name on a command line.
        examples: The number of random cases of a property.
        sweep: The most systematic cases of a property. If there are more, this number of them is chosen, spread over
            all. None takes all.
        cpu_seconds: The seconds of processor time after which a case counts as endless.
    """

    name: str
    examples: int
    sweep: int | None
    cpu_seconds: float = 10.0


QUICK = Effort("quick", 20, 3_000)
DEFAULT = Effort("default", 60, 8_000)
THOROUGH = Effort("thorough", 1_500, None)

EFFORTS = {effort.name: effort for effort in (QUICK, DEFAULT, THOROUGH)}


def from_layout(layout: Layout, framing: Framing | None = None, *, max_body: int = 40) -> st.SearchStrategy[bytes]:
    """Generate messages with a header that its declaration allows, and any bytes after it.

    A field that names its values mostly has one of these. The length field of a `LengthField` tells the true length.

    Args:
        layout: The header.
        framing: The codec's framing. With another one than `LengthField` the length is left to chance.
        max_body: The most bytes after the header.
    """
    fields = {field.name: _values(field.code, field.size, field.names) for field in layout.variables}
    bodies = st.binary(max_size=max_body)
    return st.builds(lambda values, body: _fit(layout, framing, values, body), st.fixed_dictionaries(fields), bodies)


def streams(messages: st.SearchStrategy[Message], *, most: int = 4) -> st.SearchStrategy[Message]:
    """Generate streams: a direction, and the bytes of some messages in that direction, one after the other.

    Args:
        messages: Generates messages of either direction.
        most: The most messages of a stream, at least 1.
    """

    def joined(drawn: list[Message]) -> Message:
        direction = drawn[0][0]
        return direction, b"".join(data for way, data in drawn if way is direction)

    return st.lists(messages, min_size=1, max_size=most).map(joined)


def cut_points(data: bytes, *, most: int = 8) -> st.SearchStrategy[tuple[int, ...]]:
    """Generate the offsets at which a stream is cut into pieces, in ascending order.

    Args:
        data: The stream.
        most: The most places.
    """
    return st.lists(st.integers(0, len(data)), max_size=most).map(lambda points: tuple(sorted(points)))


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Generate a stream with some bytes overwritten, inserted, dropped or cut off.

    Args:
        data: The stream.
    """
    return st.builds(
        lambda at, dropped, inserted, cut_off: data[:at] + inserted + (b"" if cut_off else data[at + dropped :]),
        st.integers(0, len(data)),
        st.integers(0, 4),
        st.binary(max_size=8),
        st.booleans(),
    )


def texts(*, max_size: int = 20) -> st.SearchStrategy[str]:
    """Generate texts of any characters, including lone surrogates.

    Args:
        max_size: The most characters.
    """
    return st.text(st.characters(exclude_categories=()), max_size=max_size)


def mutations(properties: Mapping[str, str] | Iterable[str] = ()) -> st.SearchStrategy[Mutation]:
    """Generate mutations of properties that a message has, and of others.

    Args:
        properties: The properties of a message, or their names.
    """
    known = list(properties)
    keys = texts(max_size=8) | st.sampled_from(["a", "x-kit", "path", "method", "service"])
    if known:
        keys = st.sampled_from(known) | keys
    return st.dictionaries(keys, st.none() | texts(), max_size=3).map(Mutation)


def error_types() -> st.SearchStrategy[ErrorType]:
    """Generate the reasons for which a proxy answers a request itself."""
    return st.sampled_from(list(ErrorType))


def directions() -> st.SearchStrategy[Direction]:
    """Generate both directions."""
    return st.sampled_from(list(Direction))


def _values(code: str, size: int, names: Mapping[int, str]) -> st.SearchStrategy[int | bytes]:
    if code == "s":
        return st.binary(min_size=size, max_size=size)
    signed = code in _SIGNED
    bits = 8 * size - signed
    numbers = st.integers(-(1 << bits) if signed else 0, (1 << bits) - 1)
    return st.sampled_from(sorted(names)) | numbers if names else numbers


def _fit(layout: Layout, framing: Framing | None, values: dict[str, int | bytes], body: bytes) -> bytes:
    if isinstance(framing, LengthField):
        total = layout.size + len(body)
        value = total - framing.offset - framing.length - framing.adjustment
        for field in layout.variables:
            if field.offset == framing.offset and field.is_integer and value >= 0:
                values = values | {field.name: value}
    return layout.build(values) + body


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
    """Keep hypothesis from drawing the constants that it finds in the modules that happen to be loaded.

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
    """Return some values of a strategy, the same in every run.

    Args:
        values: The strategy.
        count: The most values.
    """
    found: list[T] = []

    @seed(0)
    @_settings(count, Phase.generate)
    @given(values)
    def collect(value: T) -> None:
        found.append(value)

    with _the_same_everywhere():
        collect()
    return found


def search(cases: SearchStrategy[Case], check: Callable[[Case], None], examples: int, name: str) -> None:
    """Look for a case that fails a check, and shrink it.

    Args:
        cases: Generates cases.
        check: Raises `Violation` with its case.
        examples: The number of cases to try.
        name: The name of this search. Two searches with different names try different cases.

    Raises:
        Violation: The check failed; this is the smallest case that was found.
    """

    @seed(_seed_of(name))
    @_settings(examples, Phase.generate, Phase.shrink)
    @given(cases)
    def holds(case: Case) -> None:
        check(case)

    try:
        with contextlib.redirect_stdout(io.StringIO()), _the_same_everywhere():
            holds()
    except Flaky as error:
        raise _flaky(error) from error
    except Unsatisfiable:
        return


def _seed_of(name: str) -> int:
    """Return the seed of a search. The one that hypothesis derives changes with each change to this module's source."""
    return int.from_bytes(hashlib.sha256(f"{_ROUND} {name}".encode()).digest()[:8])


def run_machine(machine: type[RuleBasedStateMachine], examples: int, name: str) -> None:
    """Look for a run of a state machine that fails, and shrink it.

    Args:
        machine: The state machine, whose rules raise `Violation` with its case.
        examples: The number of runs to try.
        name: The name of this search.

    Raises:
        Violation: A rule failed; this is the shortest run that was found.
    """
    from hypothesis.stateful import run_state_machine_as_test

    options = settings(_settings(examples, Phase.generate, Phase.shrink), stateful_step_count=20)
    try:
        with contextlib.redirect_stdout(io.StringIO()), _the_same_everywhere():
            run_state_machine_as_test(seed(_seed_of(name))(machine), settings=options)
    except Flaky as error:
        raise _flaky(error) from error


def _flaky(error: Flaky) -> Violation:
    causes = [cause for cause in getattr(error, "exceptions", ()) if isinstance(cause, Violation)]
    case = causes[0].case if causes else None
    diagnosis = f": {causes[0].diagnosis}" if causes else ""
    return Violation(f"it does not always happen, so the codec remembers something{diagnosis}", case)
