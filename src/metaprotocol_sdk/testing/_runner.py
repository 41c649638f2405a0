"""Tries properties on a codec: the one engine of the test class, the command and the pytest plugin."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._case import ANYTHING, Unsatisfied, Violation, escaped
from metaprotocol_sdk.testing._hypothesis import DEFAULT, search
from metaprotocol_sdk.testing._properties import catalogue, properties
from metaprotocol_sdk.testing._property import Report, Result, Tier, Verdict, chosen
from metaprotocol_sdk.testing._subject import Subject
from metaprotocol_sdk.testing._watchdog import Endless, watchdog
from metaprotocol_sdk.testing._work import limited_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from metaprotocol_sdk import Codec
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Property


def check(
    subject: Subject,
    only: Iterable[str] = (),
    *,
    deviations: Mapping[str, str] | None = None,
    stop: bool = True,
    begin: Callable[[Property], None] = lambda found: None,
    done: Callable[[Result], None] = lambda result: None,
) -> Report:
    """Hold a codec to the properties.

    Args:
        subject: The codec under test.
        only: Patterns of ids, such as `MP-STREAM-*`; none means all properties.
        deviations: By id, the reason why a property does not hold and need not.
        stop: True to leave out properties that build on a required one that failed.
        begin: Called before each property.
        done: Called with each result.

    Raises:
        ValueError: A pattern or a deviation names no property.
    """
    declared = checked_deviations(deviations or {})
    results: list[Result] = []
    for found in properties(only):
        begin(found)
        results.append(try_property(subject, found, results if stop else (), declared))
        done(results[-1])
    return Report(subject, results)


def checked_deviations(deviations: Mapping[str, str]) -> dict[str, str]:
    """Return the deviations, checked.

    Raises:
        ValueError: One names no property, or gives no reason.
    """
    known = {found.id for found in catalogue()}
    for name, reason in deviations.items():
        if name not in known:
            raise ValueError(f"the deviation {name!r} names no property; `metaprotocol check --list` shows them all")
        if not reason.strip():
            raise ValueError(f"the deviation {name} gives no reason")
    return dict(deviations)


def try_property(subject: Subject, found: Property, before: Iterable[Result], deviations: Mapping[str, str]) -> Result:
    """Hold a codec to one property, unless a property fails that it builds on.

    Args:
        subject: The codec under test.
        found: The property.
        before: The results of others.
        deviations: By id, the reason why a property does not hold and need not.
    """
    broken = [result.property for result in before if result.verdict is Verdict.FAILS and result.is_bad()]
    first = min(broken, key=lambda other: other.tier, default=None)
    # The cost of one thing is that of others too: all of them make long messages of what was slow already.
    is_spoilt = first is not None and (first.tier < found.tier or first.tier is found.tier is Tier.COST)
    if first is not None and is_spoilt:
        return Result(found, Verdict.NOT_RUN, diagnosis=f"{first.id} fails, which this builds on")
    return check_property(subject, found, deviations.get(found.id))


def check_property(subject: Subject, found: Property, deviation: str | None = None) -> Result:
    """Hold a codec to one property.

    Args:
        subject: The codec under test.
        found: The property.
        deviation: The reason why it does not hold and need not, or None.
    """
    trial = _Trial(subject, found)
    if not subject.can_be_made and found.tier is not Tier.REGISTRY:
        return Result(found, Verdict.NOT_RUN, diagnosis="the codec cannot be made")
    try:
        if found.claim is not None and found.claim not in subject.codec.capabilities:
            return Result(found, Verdict.UNCLAIMED, diagnosis=f"the codec does not claim {found.claim}")
        trial.run()
    except Violation as violation:
        subject.is_slow |= found.tier is Tier.COST
        verdict, diagnosis = Verdict.FAILS, violation.diagnosis
        if deviation is not None:
            verdict, diagnosis = Verdict.DEVIATES, f"{deviation} ({diagnosis})"
        return Result(found, verdict, trial.cases, trial.telling, diagnosis, violation.case, violation.__cause__)
    except ANYTHING as error:  # the codec cannot even be made
        diagnosis = escaped(error).diagnosis
        return Result(found, Verdict.FAILS, trial.cases, trial.telling, diagnosis, None, error)
    if deviation is not None:
        diagnosis = f"a deviation is declared ({deviation}), and the property holds; take the declaration back"
        return Result(found, Verdict.HOLDS_AGAIN, trial.cases, trial.telling, diagnosis)
    if not trial.telling:
        return Result(found, Verdict.NOTHING, trial.cases, 0, "no message says anything about it")
    return Result(found, Verdict.HOLDS, trial.cases, trial.telling)


def replay(id: str, codec: type[Codec] | Callable[[], Codec], case: Case) -> None:  # noqa: A002 - the word for it
    """Try one property on one case, as a regression test does.

    Args:
        id: The property's id.
        codec: A codec's class, or a function that returns a new codec.
        case: The case.

    Raises:
        Violation: The property does not hold of it.
        ValueError: There is no such property.
    """
    __tracebackhide__ = True
    (found,) = properties([id])
    try:
        _Trial(Subject(codec, effort=DEFAULT), found).replay(case)
    except Violation as violation:
        # The kit's own frames would bury the line. The codec's exception is the cause, with all of its frames.
        raise violation.with_traceback(None) from violation.__cause__


class _Trial:
    """Tries a property on cases, and counts them."""

    def __init__(self, subject: Subject, found: Property) -> None:
        self._subject = subject
        self._found = found
        self.cases = 0
        self.telling = 0

    def run(self) -> None:
        """Try the property on all its cases.

        Raises:
            Violation: It does not hold of one; the violation has the case.
        """
        subject, found = self._subject, self._found
        guard = limited_memory() if found.tier is Tier.HOSTILE else nullcontext()
        with guard, watchdog(subject.effort.cpu_seconds) as limit:
            subject.limit = limit
            try:
                try:
                    # The sweep first: its cases are the simplest, and need not be shrunk.
                    for case in chosen(found.source, subject):
                        self._try(case)
                    cases = found.source.strategy(subject)
                    if cases is not None:
                        search(cases, self._try, subject.effort.examples, found.id)
                except Violation as violation:
                    raise self._with_less_before(violation) from violation.__cause__
            except _Stuck as stuck:
                raise stuck.violation from None
            except Endless as endless:
                raise Violation(f"{self._said(endless)} while messages to try it on were made") from None
            finally:
                subject.limit = nullcontext

    def replay(self, case: Case) -> None:
        """Try the property on one case.

        Raises:
            Violation: It does not hold of it.
        """
        with watchdog(self._subject.effort.cpu_seconds) as limit:
            self._subject.limit = limit
            try:
                self._try(case)
            except _Stuck as stuck:
                raise stuck.violation from None

    def _with_less_before(self, violation: Violation) -> Violation:
        """Leave out each message before the case that the failure does not need.

        Not where each attempt would measure a cost anew, which takes seconds.
        """
        case = violation.case
        if case is None or case.steps or self._found.tier is Tier.COST:
            return violation
        cases, telling = self.cases, self.telling
        for number in reversed(range(len(case.before))):
            try:
                self._try(case.having(before=case.before[:number] + case.before[number + 1 :]))
            except Violation as again:
                if again.diagnosis == violation.diagnosis and again.case is not None:
                    violation, case = again, again.case
            except _Stuck:
                break
        self.cases, self.telling = cases, telling
        return violation

    def _said(self, endless: Endless) -> str:
        return str(endless) or f"it had not ended after {self._subject.effort.cpu_seconds:g} seconds of processor time"

    def _try(self, case: Case) -> None:
        self.cases += 1
        try:
            with self._subject.limit():
                self._found.check(self._subject, case)
        except Unsatisfied:
            return
        except Violation as violation:
            violation.case = violation.case or case
            raise
        except Endless as endless:
            raise _Stuck(Violation(self._said(endless), case)) from None
        except ANYTHING as error:
            raise escaped(error, case=case) from error
        self.telling += 1


class _Stuck(BaseException):
    """An endless case: hypothesis must not shrink it, which would take as long again and again."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.diagnosis)
        self.violation = violation
