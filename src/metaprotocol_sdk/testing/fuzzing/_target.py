"""One input, held to every property that must be true of any bytes, and the findings that come of it."""

from __future__ import annotations

import hashlib
import re
import traceback
import zlib
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing._case import Case, Unsatisfied, Violation, escaped
from metaprotocol_sdk.testing._hypothesis import Effort
from metaprotocol_sdk.testing._outcome import outcome, without_hint
from metaprotocol_sdk.testing._properties import catalogue
from metaprotocol_sdk.testing._properties.hostile import allocates_what_is_there, survives_noise
from metaprotocol_sdk.testing._properties.malformed import suspicious, suspicious_requests
from metaprotocol_sdk.testing._properties.streams import fails_the_same_however_it_is_cut
from metaprotocol_sdk.testing._property import Result, Verdict
from metaprotocol_sdk.testing._report import explain
from metaprotocol_sdk.testing._watchdog import Endless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metaprotocol_sdk import Metadata, ProtocolError
    from metaprotocol_sdk.testing._outcome import Outcome
    from metaprotocol_sdk.testing._property import Later, Property
    from metaprotocol_sdk.testing._subject import Subject

FUZZ = Effort("fuzz", examples=0, sweep=400, cpu_seconds=5.0)
"""The effort for fuzzing: an input that takes five seconds of processor time counts as endless."""

_SOME = 4  # checks of each message in a quick try
_MESSAGES = 4  # of a stream that are looked at closely
_LONGEST = 2_000  # bytes within which a stream is cut at every place
_STEPPED = 0.3  # of the cuts are into equal pieces
_SIZES = (1, 2, 3, 4, 5, 7, 8, 16, 64, 1_000)  # of these pieces
_DETAIL = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{2,}\b|\d+|'[^']*'|\"[^\"]*\"")

Signature = tuple[object, ...]


def cuts(size: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to cut a stream of this many bytes: in two at every place, and into equal pieces."""
    yield from ((at,) for at in _places(size))
    yield from (tuple(range(step, size, step)) for step in _steps(size))


def _some_cut(size: int, random: Random) -> tuple[int, ...] | None:
    """Return one of these ways; None if there is none."""
    places, steps = _places(size), _steps(size)
    if steps and random.random() < _STEPPED:
        step = random.choice(steps)
        return tuple(range(step, size, step))
    return (random.choice(places),) if places else None


def _places(size: int) -> range:
    return range(1, min(size, _LONGEST))


def _steps(size: int) -> list[int]:
    return [step for step in _SIZES if 1 < size / step < _LONGEST]


@frozen
class Finding:
    """A property that does not hold for an input.

    Args:
        violated: The property.
        case: The case.
        diagnosis: The facts that were seen and expected, in one line.
        cause: The exception that led to it, or None.
        endless: True if the case had not ended when its time was over.
    """

    violated: Property
    case: Case
    diagnosis: str
    cause: BaseException | None = field(default=None, eq=False, repr=False)
    endless: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The same value for two findings that are the same bug, as far as can be told."""
        if self.endless:
            return ("endless",)
        if self.cause is None:
            return (self.violated.id,)
        # One bug in decode shows in every property that decodes.
        frames = traceback.extract_tb(self.cause.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return (type(self.cause).__name__, place)

    @property
    def data(self) -> bytes:
        """The input: the case's bytes, after those that it needs before it."""
        before = [data for direction, data in self.case.before if direction is self.case.direction]
        return b"".join(before) + self.case.data

    @property
    def name(self) -> str:
        """The name of the file to save it in; the same for the same bytes."""
        return f"{hashlib.sha256(self.data).hexdigest()[:16]}.bin"

    def text(self, subject: Subject) -> str:
        """Return everything about it for a person: an annotated dump, and a test to paste."""
        return explain(subject, self.result)

    @property
    def result(self) -> Result:
        """The finding as the result of a property."""
        return Result(self.violated, Verdict.FAILS, 1, 1, self.diagnosis, self.case, self.cause)


class FuzzTarget:
    """Holds inputs to the properties that must be true of any bytes.

    Args:
        subject: The codec under test. The caller puts a watchdog into `subject.limit`.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def _of_messages(self) -> list[Property]:
        """The properties of one readable message, without those that the codec does not claim."""
        claimed = self.subject.codec.capabilities
        return [found for found in catalogue() if found.source.variants and found.claim in (None, *claimed)]

    def quick(self, data: bytes) -> tuple[list[Finding], Signature]:
        """Try an input in both directions, cut in some way, with some changes and replies.

        The bytes decide which ones: the same input is always tried in the same ways.

        Returns:
            The findings, and a signature that tells kinds of inputs apart by what the codec makes of them.
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
            cut = _some_cut(len(data), random)
            if cut is not None:
                self._hold(fails_the_same_however_it_is_cut, case.having(cuts=cut), findings)
            self._look_at_unreadable(case, whole, findings)
            for metadata, message in self._messages(data, direction, whole):
                for found, build in random.sample(self._checks(message, metadata), _SOME):
                    self._hold(found, build(), findings)
        return findings, tuple(signature)

    def thorough(self, data: bytes) -> list[Finding]:
        """Try an input in every way that `quick` may choose."""
        findings: list[Finding] = []
        for direction in Direction:
            whole = self._outcome(data, direction, findings)
            if whole is None:
                continue
            case = Case(data, direction)
            for cut in cuts(len(data)):
                self._hold(fails_the_same_however_it_is_cut, case.having(cuts=cut), findings)
            self._look_at_unreadable(case, whole, findings)
            for metadata, message in self._messages(data, direction, whole):
                for found, build in self._checks(message, metadata):
                    self._hold(found, build(), findings)
        return findings + self.memory(data)

    def memory(self, data: bytes) -> list[Finding]:
        """Measure the memory that is allocated for an input; slow."""
        findings: list[Finding] = []
        for direction in Direction:
            self._hold(allocates_what_is_there, Case(data, direction), findings)
        return findings

    def hold(self, found: Property, case: Case) -> Finding | None:
        """Hold the codec to one property on one case."""
        return self._caught(found, case, lambda: found.check(self.subject, case))

    def _outcome(self, data: bytes, direction: Direction, findings: list[Finding]) -> Outcome | None:
        case = Case(data, direction)
        came: list[Outcome] = []

        def decode() -> None:
            came.append(outcome(self.subject.connection(case), [data], direction))

        if findings and findings[-1].endless:
            return None
        failed = self._caught(survives_noise, case, decode)
        if failed is not None:
            findings.append(failed)
        return came[0] if came else None

    def _look_at_unreadable(self, case: Case, whole: Outcome, findings: list[Finding]) -> None:
        if all(metadata.error is None for metadata in whole.messages):
            return
        sources = [suspicious, suspicious_requests] if case.direction is Direction.TO_SERVER else [suspicious]
        for found in catalogue():
            if any(found.source is source for source in sources):
                self._hold(found, case, findings)

    def _hold(self, found: Property, case: Case | None, findings: list[Finding]) -> None:
        # A codec that did not end once will not end again; the kit waits for it once.
        if case is None or (findings and findings[-1].endless):
            return
        failed = self.hold(found, case)
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

    def _checks(self, message: Case, metadata: Metadata) -> list[tuple[Property, Later]]:
        """Return everything that a message is held to, each with a case of it that is built when its turn comes."""
        checks: list[tuple[Property, Later]] = []
        for found in self._of_messages:
            if found.source.variants is not None:
                variants = found.source.variants(self.subject, message, metadata)
                checks += ((found, build) for build in variants)
        return checks

    def _caught(self, found: Property, case: Case, action: Callable[[], object]) -> Finding | None:
        try:
            with self.subject.limit():
                action()
        except Unsatisfied:
            return None
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
    """Return a value that differs for outcomes of another kind: types and texts, without the numbers in them."""
    shapes = tuple(
        (metadata.message_type, metadata.status, min(len(metadata.properties), 4), _shape(metadata.error))
        for metadata in whole.messages[:_MESSAGES]
    )
    return (shapes, _shape(whole.error))


def _shape(error: ProtocolError | None) -> str:
    return "" if error is None else f"{type(error).__name__} {_DETAIL.sub('#', without_hint(error)[:120])}"
