"""A message is forwarded as it came, or with another id and nothing else changed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Correlation, EncodeError, Mutation, ProtocolError
from metaprotocol_sdk.testing._case import Unsatisfied, Violation, assume, assumed, shown
from metaprotocol_sdk.testing._outcome import body_of, completes, difference, facts, receive
from metaprotocol_sdk.testing._properties.messages import any_unpaired, declared, messages, once
from metaprotocol_sdk.testing._property import Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk import Codec, Metadata
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

_EDGES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_FOLLOWS = ("message", "request_id", "header_size")
# A codec that remembers requests says of each answer what it remembers under that id.
_FOLLOWS_STATE = ("operation", "properties", "status", "status_code", "message_type")
# The fields that `complete` may set.
_COMPLETED = ("operation", "properties", "status", "status_code", "message_type")


def _edges(subject: Subject) -> list[int]:
    """Return the ids at the edges of widths, up to the largest of the codec."""
    most = subject.codec.max_request_id
    return sorted({most, *(edge for edge in _EDGES if edge <= most)})


def _with_any_id(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = any_unpaired(subject)
    ids = st.integers(0, subject.codec.max_request_id)
    return None if found is None else st.builds(lambda case, number: case.having(request_id=number), found, ids)


def _fuzzed_ids(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    return (partial(_packed_by_codec, subject, case, number) for number in _edges(subject))


def _packed_by_codec(subject: Subject, case: Case, number: int) -> Case:
    """Return a message to renumber, in the codec's own packing.

    A peer may have packed the part with the id in another way than the codec does; then all of that part changes.
    """
    codec, metadata = subject.receive(case)
    if metadata is not None:
        try:
            other = codec.encode(metadata, Mutation(), 0 if metadata.request_id else 1)
            again = codec.encode(codec.decode(other, case.direction), Mutation(), metadata.request_id)
        except Exception:  # noqa: BLE001 - the property reports it
            return case.having(request_id=number)
        case = case.having(data=again)
    return case.having(request_id=number)


@source(_with_any_id, variants=_fuzzed_ids)
def with_ids(subject: Subject) -> Iterable[Case]:
    """Each valid message with the ids at the edges."""
    for case in subject.samples:
        for number in _edges(subject):
            yield case.having(request_id=number, request=None)


@source()
def with_impossible_ids(subject: Subject) -> Iterable[Case]:
    """Each valid message with ids that no message can hold."""
    most = subject.codec.max_request_id
    for case in subject.samples:
        for number in (-1, most + 1, 2 * most + 2, 2**64 + 1, 2**200):
            yield case.having(request_id=number, request=None)


@prove(
    "MP-IDENTITY-001",
    Tier.MESSAGE,
    messages,
    title="Encoding without a change returns the very bytes that were decoded",
    why="Most messages pass a mesh unchanged. One that is built anew loses what the codec does not know: padding, "
    "unknown fields, unusual encodings; peers then see requests that nobody sent.",
    fix="Begin encode with `if not mutation and request_id is None: return metadata.message`.",
)
def keeps_the_bytes(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    _check_bytes(case, codec.encode(metadata, Mutation()))


@prove(
    "MP-IDENTITY-002",
    Tier.MESSAGE,
    messages,
    title="Writing the id that a message has changes nothing",
    why="A proxy that gives a request its own id on the way out gives it back on the way in.",
    fix="Write the id in the place and the form that decode reads it from, and leave all other bytes.",
)
def keeps_the_bytes_with_the_same_id(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    _check_bytes(case, assumed(_renumbered(codec, metadata, metadata.request_id)))


def _check_bytes(case: Case, encoded: object) -> None:
    """Check that encode returned the bytes of a case.

    Raises:
        Violation: It returned something else.
    """
    if not isinstance(encoded, bytes):
        raise Violation(f"encode returned {shown(encoded)}, which is not bytes")
    if encoded != case.data:
        raise Violation(f"encode returned {shown(encoded)}; {_first_difference(case.data, encoded)}")


def _first_difference(one: bytes, other: bytes) -> str:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"the first difference is at offset {at}: {right:02x}, not {left:02x}"
    return f"it has {len(other)} bytes, not {len(one)}"


def _renumbered(codec: Codec, metadata: Metadata, number: int) -> bytes | None:
    """Return a message with another id; None if it is refused: a property of its own says which must not be."""
    try:
        return codec.encode(metadata, Mutation(), number)
    except EncodeError:
        return None


@prove(
    "MP-ID-001",
    Tier.MESSAGE,
    with_ids,
    title="A new id is read back, and nothing else has changed",
    why="A proxy that shares one upstream connection among clients renumbers requests; a lost id gives one client the "
    "answer of another.",
    fix="Write the id with the width and the byte order in which decode reads it.",
)
def is_renumbered(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    number = assumed(case.request_id)
    encoded = assumed(_renumbered(codec, metadata, number))
    again = receive(subject.connection(case), case.having(data=encoded))
    if again is None:
        raise Violation(f"with the id {number} the message does not decode: {shown(encoded)}")
    if again.request_id != number:
        raise Violation(f"the id {number} was asked for, and {again.request_id} is read back")
    before, after = facts(metadata), facts(again)
    for name in (*_FOLLOWS, *(_FOLLOWS_STATE if subject.keeps_state else ())):
        del before[name], after[name]
    if metadata.stream_id == metadata.request_id and again.stream_id == again.request_id:
        del before["stream_id"], after["stream_id"]  # one number on the wire is both
    if different := difference(before, after):
        raise Violation(f"with another id the message has another {different}")
    if body_of(metadata) != body_of(again) and not _comes_back(subject, case, codec, metadata, again):
        raise Violation("with another id the message has another body")


def _comes_back(subject: Subject, case: Case, codec: Codec, metadata: Metadata, again: Metadata) -> bool:
    """Return True if a body that has changed with the id comes back with the old one.

    If the id is in a body that is packed, all of the body changes. It comes back as the same bytes if the peer packs as
    the codec does; otherwise the codec must say the same of its contents.
    """
    restored = subject.connection(case).encode(again, Mutation(), metadata.request_id)
    if restored == case.data:
        return True
    other = subject.connection(case)
    back = receive(other, case.having(data=restored))
    return back is not None and _contents(other, back) == _contents(codec, metadata)


def _contents(codec: Codec, metadata: Metadata) -> list[tuple[object, ...]]:
    """Return the names and values of the fields in a message's body, without their places."""
    body = [span for span in codec.spans(metadata) if span.start >= metadata.header_size]
    return [(span.name, span.value, span.meaning) for span in body]


@prove(
    "MP-ID-002",
    Tier.MESSAGE,
    with_impossible_ids,
    title="An id that a message cannot hold is refused",
    why="An id that wraps around belongs to another request.",
    fix="Raise `EncodeError` unless `0 <= request_id <= self.max_request_id`.",
)
def refuses_ids(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    number = assumed(case.request_id)
    encoded = _renumbered(codec, metadata, number)
    if encoded is not None:
        raise Violation(
            f"the id {number} was written, though max_request_id is {codec.max_request_id}: {shown(encoded)}"
        )


@prove(
    "MP-ID-003",
    Tier.MESSAGE,
    once,
    title="Where ids pair answers with requests, requests and answers can be renumbered",
    why="Where clients share an upstream connection, two of them use the same id, and the proxy must give each "
    "request one of its own.",
    fix="Write `request_id` in encode; or set `correlation` to FIFO or NONE if the protocol has no ids.",
)
def can_be_renumbered(subject: Subject, case: Case) -> None:
    assume(subject.codec.correlation is Correlation.ID and subject.samples)
    tried = False
    for sample in subject.samples:
        codec, metadata = subject.receive(sample)
        if metadata is None or not (metadata.expects_reply or sample.request):
            continue
        if metadata.stream_id is not None:  # pairs the messages of a stream, also those that open it and answer that
            continue
        tried = True
        number = 0 if metadata.request_id else 1
        try:
            codec.encode(metadata, Mutation(), number)
        except EncodeError as error:
            raise Violation(
                f"a message of type {metadata.message_type} cannot be given the id {number}: {error}", sample
            ) from error
    assume(tried)


@prove(
    "MP-COMPLETE-001",
    Tier.CHANGE,
    declared,
    title="Completing a response changes neither its bytes nor its id, nor its request",
    why="What `complete` fills in is for rules; the client gets the bytes that the server sent.",
    fix="Set properties, operation or status in `complete`, and nothing else.",
)
def is_completed(subject: Subject, case: Case) -> None:
    question = assumed(case.request)
    codec = subject.connection(case)
    try:
        response = codec.decode(case.data, case.direction)
        request = codec.decode(question, case.direction.opposite)
    except ProtocolError:
        raise Unsatisfied from None
    assume(response.error is None and request.error is None)
    before, asked = facts(response), facts(request)
    response.request = request
    assume(completes(codec, response))
    after = facts(response)
    for name in _COMPLETED:
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"the completed response has another {different}")
    if different := difference(asked, facts(request)):
        raise Violation(f"complete changed the request: another {different}")
    if codec.encode(response, Mutation()) != case.data:
        raise Violation("the completed response is not encoded as it came")
