"""One input, held to everything that must be true of any bytes."""

from __future__ import annotations

import re
import zlib
from random import Random
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk import Direction, Mutation
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._catalogue import catalogue
from metaprotocol_sdk.testing._effort import Effort
from metaprotocol_sdk.testing._outcome import Outcome, outcome
from metaprotocol_sdk.testing._violation import Violation, escaped
from metaprotocol_sdk.testing._work.watchdog import Endless
from metaprotocol_sdk.testing.fuzzing import _plan
from metaprotocol_sdk.testing.fuzzing._finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk import Metadata
    from metaprotocol_sdk.testing._subject import Subject

FUZZ = Effort("fuzz", examples=0, sweep=400, cpu_seconds=5.0)
"""How hard a fuzzed subject tries: one input that takes five seconds of processor time counts as endless."""

_SOME = 4  # checks of each message in a quick trial
_RENUMBERED = "MP-ID-001"
_MESSAGES = 4  # of a stream that are looked at closely
_DETAIL = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{2,}\b|\d+|'[^']*'|\"[^\"]*\"")

Signature = tuple[object, ...]


class Trial:
    """Holds inputs to the properties that must be true of any bytes.

    Args:
        subject: The codec under test. Whoever tries puts a watchdog into `subject.limit`.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._properties = {found.id: found for found in catalogue()}

    def quick(self, data: bytes) -> tuple[list[Finding], Signature]:
        """Try an input in both directions, cut in some way, with some changes and replies.

        Which ones is decided by the bytes: the same input is always tried in the same ways.

        Returns:
            What was found, and what the codec made of the input, in a form that tells kinds of inputs apart.
        """
        random = Random(zlib.crc32(data))  # noqa: S311 - a choice of tests
        findings: list[Finding] = []
        signature: list[object] = []
        for direction in Direction:
            whole = self._outcome(data, direction, findings)
            if whole is None:
                continue
            signature.append(_signature(whole))
            case = Case(data, direction)
            cut = _plan.some_cut(len(data), random)
            if cut is not None:
                self._hold(_plan.CUT, case.having(cuts=cut), findings)
            self._look_at_unreadable(case, whole, findings)
            for metadata, message in self._messages(data, direction, whole):
                checks = list(_plan.checks_of(self.subject.codec, metadata, direction))
                for name, more in random.sample(checks, _SOME):
                    self._hold(name, self._case(name, message, more), findings)
        return findings, tuple(signature)

    def thorough(self, data: bytes) -> list[Finding]:
        """Try an input in every way that `quick` may choose."""
        findings: list[Finding] = []
        for direction in Direction:
            whole = self._outcome(data, direction, findings)
            if whole is None:
                continue
            case = Case(data, direction)
            for cut in _plan.cuts(len(data)):
                self._hold(_plan.CUT, case.having(cuts=cut), findings)
            self._look_at_unreadable(case, whole, findings)
            for metadata, message in self._messages(data, direction, whole):
                for name, more in _plan.checks_of(self.subject.codec, metadata, direction):
                    self._hold(name, self._case(name, message, more), findings)
        return findings + self.memory(data)

    def memory(self, data: bytes) -> list[Finding]:
        """Measure how much is allocated for an input; slow."""
        findings: list[Finding] = []
        for direction in Direction:
            self._hold(_plan.MEASURED, Case(data, direction), findings)
        return findings

    def hold(self, name: str, case: Case) -> Finding | None:
        """Hold the codec to one property on one case."""
        return self._caught(name, case, lambda: self._properties[name].check(self.subject, case))

    def _outcome(self, data: bytes, direction: Direction, findings: list[Finding]) -> Outcome | None:
        case = Case(data, direction)
        found: list[Outcome] = []

        def decode() -> None:
            found.append(outcome(self.subject.connection(case), [data], direction))

        if findings and findings[-1].endless:
            return None
        failed = self._caught(_plan.DECODED, case, decode)
        if failed is not None:
            findings.append(failed)
        return found[0] if found else None

    def _look_at_unreadable(self, case: Case, whole: Outcome, findings: list[Finding]) -> None:
        if any(metadata.error is not None for metadata in whole.messages):
            for name in _plan.aftermath(case.direction):
                self._hold(name, case, findings)

    def _hold(self, name: str, case: Case, findings: list[Finding]) -> None:
        # What never ends once will not end again; it is waited for once.
        if findings and findings[-1].endless:
            return
        failed = self.hold(name, case)
        if failed is not None:
            findings.append(failed)

    def _messages(self, data: bytes, direction: Direction, whole: Outcome) -> list[tuple[Metadata, Case]]:
        """Return the messages of a stream that can be read, each as a case of its own."""
        before: tuple[tuple[Direction, bytes], ...] = ()
        cases: list[tuple[Metadata, Case]] = []
        for metadata in whole.messages[:_MESSAGES]:
            if metadata.error is None:
                cases.append((metadata, Case(metadata.message, direction, before=before)))
            elif self.subject.keeps_state:
                break
            if self.subject.keeps_state:
                before = (*before, (direction, metadata.message))
        return cases

    def _case(self, name: str, message: Case, more: dict[str, Any]) -> Case:
        case = message.having(**more)
        if name != _RENUMBERED:
            return case
        # A peer may have packed what holds the id in another way than the codec does; so it is packed by the codec.
        codec, metadata = self.subject.receive(message)
        if metadata is None:
            return case
        try:
            other = codec.encode(metadata, Mutation(), 0 if metadata.request_id else 1)
            again = codec.encode(codec.decode(other, case.direction), Mutation(), metadata.request_id)
        except Exception:  # noqa: BLE001 - for the property to say
            return case
        return case.having(data=again)

    def _caught(self, name: str, case: Case, action: Callable[[], object]) -> Finding | None:
        found = self._properties[name]
        try:
            with self.subject.limit():
                action()
        except Violation as violation:
            return Finding(found, violation.case or case, violation.diagnosis, violation.__cause__)
        except Endless as endless:
            seconds = self.subject.effort.cpu_seconds
            diagnosis = str(endless) or f"it had not ended after {seconds:g} seconds of processor time"
            return Finding(found, case, diagnosis, endless=True)
        except Exception as error:  # noqa: BLE001 - whatever escapes is a finding
            return Finding(found, case, escaped(error).diagnosis, error)
        return None


def _signature(whole: Outcome) -> Signature:
    """Return what tells this outcome from others of another kind: types and texts, without the values in them."""
    shapes = tuple(
        (metadata.message_type, metadata.status, min(len(metadata.properties), 4), _shape(metadata.error))
        for metadata in whole.messages[:_MESSAGES]
    )
    return (shapes, _shape(whole.error))


def _shape(error: Exception | None) -> str:
    return "" if error is None else f"{type(error).__name__} {_DETAIL.sub('#', str(error)[:120])}"
