"""A stream means the same however it is cut, and each message in it ends with its last byte."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import IncompleteMessage
from metaprotocol_sdk.testing import _hypothesis
from metaprotocol_sdk.testing._case import Violation, assumed
from metaprotocol_sdk.testing._outcome import outcome
from metaprotocol_sdk.testing._properties.messages import any_message, declared
from metaprotocol_sdk.testing._property import Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_LONGEST = 2_000  # bytes of a stream that is cut at every place
_FOREIGN = (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", bytes(24), b"\xff" * 24)


def _stream(cases: Iterable[Case]) -> Case:
    first, *others = cases
    return first.having(data=b"".join([first.data, *(case.data for case in others)]), request=None)


@st.composite
def _streams(draw: st.DrawFn, found: st.SearchStrategy[Case], most: int, *, damage: bool) -> Case:
    first = draw(found)
    count = draw(st.integers(0, most)) if most else 0
    others = [draw(found) for _ in range(count)]
    case = _stream([first, *(other for other in others if other.direction is first.direction)])
    if damage:
        case = case.having(data=draw(_hypothesis.damaged(case.data)))
    return case.having(cuts=draw(_hypothesis.cut_points(case.data)))


def _any_stream(subject: Subject, *, damage: bool) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    # Messages of a codec that keeps state may not follow each other in any order.
    return None if found is None else _streams(found, 0 if subject.keeps_state else 3, damage=damage)


@source()
def coalesced(subject: Subject) -> Iterable[Case]:
    """Messages that come in one piece, two and then all of them together."""
    for run in subject.runs:
        for first, second in pairwise(run):
            yield _stream([first, second])
            yield _stream([second, first])
        if run and not subject.keeps_state:  # a connection that keeps state may refuse the same message again
            yield _stream([run[0]] * 3)
        if run:
            yield _stream(run)


@source(lambda subject: _any_stream(subject, damage=False))
def cut(subject: Subject) -> Iterable[Case]:
    """Each message cut in two at every place, then into single bytes; then all of them in single bytes."""
    for run in subject.runs:
        for case in run:
            if case not in subject.brief:
                continue
            size = len(case.data)
            for at in range(1, min(size, _LONGEST)):
                yield case.having(cuts=(at,), request=None)
            yield case.having(cuts=tuple(range(1, min(size, _LONGEST))), request=None)
        stream = _stream(run)
        yield stream.having(cuts=tuple(range(1, min(len(stream.data), _LONGEST))))


@source(lambda subject: _any_stream(subject, damage=True))
def damaged(subject: Subject) -> Iterable[Case]:
    """A valid message, then bytes of another protocol; cut at each of the places around the damage."""
    for run in subject.runs:
        good = run[0]
        size = len(good.data)
        for bad in _FOREIGN:
            stream = good.having(data=good.data + bad, request=None, keep=size)
            for at in range(size - 1, len(stream.data)):
                yield stream.having(cuts=(at,))
            yield stream.having(cuts=tuple(range(1, len(stream.data))))


@source()
def truncated(subject: Subject) -> Iterable[Case]:
    """Each beginning of each message; `other` is the whole message."""
    for case in subject.brief:
        for end in range(1, min(len(case.data), _LONGEST)):
            yield case.having(data=case.data[:end], other=case.data, request=None)


@source()
def pairs(subject: Subject) -> Iterable[Case]:
    """Two messages, each on a connection of its own; the second one is `other`."""
    for run in subject.runs:
        for one, two in pairwise([*run, run[0]]):
            yield one.having(other=two.data, request=None)


@prove(
    "MP-FRAMING-001",
    Tier.STREAM,
    declared,
    title="A message ends with its last byte",
    why="A framing that stops early hands out half a message and takes the rest for another one; one that goes on "
    "swallows the next message, or waits for bytes that never come.",
    fix="Compare the framing with the protocol's table: where the length is, how wide, what it counts.",
)
def ends_where_it_ends(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    if found.pieces != [case.data]:
        sizes = [len(piece) for piece in found.pieces]
        raise Violation(f"of {len(case.data)} bytes the framing made messages of {sizes}; {found.ending}")
    if found.error is not None:
        raise Violation(found.ending)


@prove(
    "MP-FRAMING-002",
    Tier.STREAM,
    coalesced,
    title="Messages that arrive together come out one by one",
    why="A busy connection delivers many messages in one read. State of one message that stays in the scanner falls on "
    "the next one.",
    fix="Let the scanner begin anew after it has returned an end: no tail, no count, no flag of the message before.",
)
def come_out_one_by_one(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    sizes = [len(piece) for piece in found.pieces]
    if found.error is not None:
        raise Violation(f"messages of {sizes} bytes came out of {len(case.data)}; {found.ending}")
    known = {sample.data for run in subject.runs for sample in run}
    if b"".join(found.pieces) != case.data or not known.issuperset(found.pieces):
        raise Violation(f"the bytes came out as messages of {sizes} bytes, which are not those that were sent")


@prove(
    "MP-STREAM-001",
    Tier.STREAM,
    cut,
    title="Messages are the same however the network cut the stream",
    why="TCP cuts where it likes. A codec that wants a header in one piece works on the developer's machine and fails "
    "under load, which is the best-known bug of codecs in meshes.",
    fix="Let the scanner keep what it has seen of an incomplete message, and go on from there.",
)
def means_the_same_however_it_is_cut(subject: Subject, case: Case) -> None:
    whole = assumed(subject.tried(case))
    found = outcome(subject.connection(case), case.pieces, case.direction)
    if different := whole.differs_from(found):
        raise Violation(f"cut at {_places(case)}: {different}")


@prove(
    "MP-STREAM-002",
    Tier.STREAM,
    damaged,
    title="Bad bytes give the same messages and the same error however the stream was cut",
    why="An error that depends on the network's mood cannot be reproduced, and good messages before it are lost.",
    fix="Raise for the first wrong byte, with its offset in the message, not for the piece that it came in.",
)
def fails_the_same_however_it_is_cut(subject: Subject, case: Case) -> None:
    whole = assumed(subject.tried(case))
    found = outcome(subject.connection(case), case.pieces, case.direction)
    if different := whole.differs_from(found):
        raise Violation(f"cut at {_places(case)}: {different}")
    if not b"".join(found.pieces).startswith(case.data[: case.keep]):
        raise Violation(f"the good message of {case.keep} bytes before the bad ones did not come out; {found.ending}")
    error = found.error
    if error is not None and error.offset is not None and not 0 <= error.offset <= len(case.data):
        raise Violation(f"the error names the offset {error.offset}, and the stream has {len(case.data)} bytes")


def _places(case: Case) -> str:
    return str(list(case.cuts)) if len(case.cuts) < 20 else f"{len(case.cuts)} places"


@prove(
    "MP-FRAMING-003",
    Tier.STREAM,
    truncated,
    title="A message that is not whole does not come out, and the end of the stream says so",
    why="A connection that breaks in the middle of a message must not deliver half of it.",
    fix="Let the scanner return -1 until the last byte is there; check what the length field counts.",
)
def waits_for_the_rest(subject: Subject, case: Case) -> None:
    found = outcome(subject.connection(case), [case.data], case.direction)
    if found.messages:
        size = len(found.pieces[0])
        raise Violation(f"{len(case.data)} bytes of {len(case.other or b'')} gave a message of {size} bytes")
    if not isinstance(found.error, IncompleteMessage):
        raise Violation(f"the stream was cut off after {len(case.data)} bytes of a good message; {found.ending}")


@prove(
    "MP-FRAMING-004",
    Tier.STREAM,
    truncated,
    title="The scanner never asks for more bytes than are missing",
    why="Whoever waits for that many bytes waits for ever: the peer has sent all it had.",
    fix="Let `needed` be a lower bound; 1 is always right.",
)
def needs_no_more_than_is_missing(subject: Subject, case: Case) -> None:
    scanner = subject.connection(case).framing.scanner(case.direction, subject.codec.limits)
    missing = len(case.other or b"") - len(case.data)
    if scanner.scan(case.data, 0) < 0 and not 1 <= scanner.needed <= missing:
        raise Violation(f"after {len(case.data)} bytes it needs {scanner.needed} more; {missing} are missing")


@prove(
    "MP-FRAMING-005",
    Tier.STREAM,
    coalesced,
    title="The scanner looks at no byte before `start`",
    why="The bytes before `start` belong to a message that is gone; a scanner that reads them finds its end again.",
    fix="Search from `start`, and keep what is needed of earlier calls in the scanner.",
)
def looks_only_at_new_bytes(subject: Subject, case: Case) -> None:
    framing, limits = subject.connection(case).framing, subject.codec.limits
    alone = framing.scanner(case.direction, limits).scan(case.data, 0)
    for junk in (bytes(50), b"\xff" * 50, case.data):
        after = framing.scanner(case.direction, limits).scan(junk + case.data, len(junk))
        if after - len(junk) != alone:
            raise Violation(f"a message ends {alone} bytes on, and after {len(junk)} others {after - len(junk)}")
