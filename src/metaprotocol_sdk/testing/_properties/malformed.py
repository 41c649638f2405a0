"""Messages whose frame is sound and whose contents are not can be shown, forwarded and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import ClosingReply, Codec, Correlation, EncodeError, Error, ErrorType, Metadata, Mutation
from metaprotocol_sdk.testing._case import Violation, assume, assumed, shown
from metaprotocol_sdk.testing._outcome import faults, receive
from metaprotocol_sdk.testing._properties.hostile import flips
from metaprotocol_sdk.testing._properties.messages import any_message, gaps
from metaprotocol_sdk.testing._properties.mutation import NEW_KEY
from metaprotocol_sdk.testing._property import Source, Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_BODIES = (b"", b"\0", b"\xff", b"\xff" * 8, bytes(8), b"\x01" * 40, b"S\xff\xff", b"\x7f\xff\xff\xff")
_CHANGED = 40  # bytes after the header that are changed one by one

suspicious = Source(flips.sweep, any_message, weight=6)
# The same, of which fuzzing tries only those to the server: few protocols answer what comes from one.
suspicious_requests = Source(flips.sweep, any_message, weight=6)


@source(weight=2)
def with_bad_bodies(subject: Subject) -> Iterable[Case]:
    """Each valid message with its header and a body that cannot be read; `cuts` has the offset of the body.

    The header is first the one that the layout declares and then the one that the codec reports, which may contain
    keys.
    """
    for case in subject.brief:
        metadata = subject.receive(case)[1]
        if metadata is None:
            continue
        fixed = 0 if subject.codec.layout is None else subject.codec.layout.size
        for at in sorted({fixed, metadata.header_size} - {0}):
            if at > metadata.header_size or not subject.frames.are_told_by_header(case.data, at, case.direction):
                continue
            for body in _bad(case.data[at:]):
                resized = subject.frames.resized(case.data, case.data[:at] + body, case.direction)
                if resized is not None:
                    yield case.having(data=resized, cuts=(at,), request=None, other=case.data)


def _bad(body: bytes) -> Iterator[bytes]:
    yield from _BODIES
    for end in range(min(len(body), _CHANGED)):
        yield body[:end]
    for at in range(min(len(body), _CHANGED)):
        for value in (0, body[at] ^ 0x80, 0xFF):
            yield body[:at] + bytes((value,)) + body[at + 1 :]
    yield body[:-1]


def _unreadable(subject: Subject, case: Case) -> tuple[Codec, list[Metadata]]:
    """Return the messages of a stream that cannot be read, at least one, with their codec.

    Raises:
        Unsatisfied: All can be read.
    """
    codec, found = subject.connection(case), assumed(subject.tried(case))
    unreadable = [metadata for metadata in found.messages if metadata.error is not None]
    assume(unreadable)
    return codec, unreadable


@prove(
    "MP-AFTERMATH-001",
    Tier.HOSTILE,
    suspicious,
    title="What is said of a damaged message is true, and its bytes can be shown",
    why="A damaged message is the one that somebody will inspect. Wrong sizes and types in its metadata break the"
    " tool that shows it.",
    fix="Put only what was checked into the metadata that an error carries, and the whole message; let `spans()` "
    "stop where the bytes cannot be read.",
)
def can_be_shown(subject: Subject, case: Case) -> None:
    codec, found = subject.connection(case), assumed(subject.tried(case))
    at = 0
    for metadata in found.messages:
        piece = case.data[at : at + len(metadata.message)]
        at += len(piece)
        wrong = faults(metadata, piece, codec) or gaps(codec.spans(metadata), len(piece))
        if wrong:
            raise Violation(wrong)
    assume(found.messages)


@prove(
    "MP-AFTERMATH-002",
    Tier.HOSTILE,
    suspicious,
    title="A message whose body cannot be read is forwarded as it came",
    why="The codec may be older than the protocol. What it cannot read, the server perhaps can.",
    fix="Return `metadata.message` from encode when nothing is to be changed, whether there is an error or not.",
)
def can_be_forwarded(subject: Subject, case: Case) -> None:
    codec, unreadable = _unreadable(subject, case)
    for metadata in unreadable:
        encoded = codec.encode(metadata, Mutation())
        if encoded != metadata.message:
            raise Violation(f"encode returned {shown(encoded)}")


@prove(
    "MP-AFTERMATH-003",
    Tier.HOSTILE,
    suspicious,
    title="A message whose body cannot be read takes no mutation",
    why="A header written into bytes that nobody understands lands in the middle of something else.",
    fix="Raise `UnsupportedMutation` if `metadata.error` is set.",
)
def cannot_be_changed(subject: Subject, case: Case) -> None:
    codec, unreadable = _unreadable(subject, case)
    for metadata in unreadable:
        try:
            encoded = codec.encode(metadata, Mutation({NEW_KEY: "1"}))
        except EncodeError:
            continue
        raise Violation(f"the message cannot be read ({metadata.error}), and a key was set in it: {shown(encoded)}")


@prove(
    "MP-AFTERMATH-004",
    Tier.HOSTILE,
    suspicious_requests,
    title="A damaged message is answered like any other: exactly when it expects a reply",
    why="The client that sent it waits, too.",
    fix="Build replies from the fields that are always there, and use `properties.get()` for the others.",
)
def can_be_answered(subject: Subject, case: Case) -> None:
    codec, found = subject.connection(case), assumed(subject.tried(case))
    assume(type(codec).on_error is not Codec.on_error)
    answered = False
    for metadata in found.messages:
        reply = codec.on_error(metadata, Error(ErrorType.BAD_REQUEST, "it cannot be read"))
        given = bool(reply) or isinstance(reply, ClosingReply)
        if given is not metadata.expects_reply:
            raise Violation(f"a message of type {metadata.message_type} that {_expects(metadata)} got {shown(reply)}")
        if reply:
            answered = True
            back = receive(subject.connection(case), case.having(data=reply, direction=case.direction.opposite))
            if back is None:
                raise Violation(f"the reply does not decode: {shown(reply)}")
            if subject.codec.correlation is Correlation.ID and back.request_id != metadata.request_id:
                raise Violation(f"the request has the id {metadata.request_id}, and the reply {back.request_id}")
    assume(answered)


@prove(
    "MP-AFTERMATH-005",
    Tier.HOSTILE,
    with_bad_bodies,
    title="A request with a sound header and a bad body keeps its id, and whether it expects a reply",
    why="Without them nobody can answer it: the client waits for its timeout.",
    fix="Make the `Metadata` before reading the body, and return it with the error: `metadata.error = error`.",
)
def keeps_its_id(subject: Subject, case: Case) -> None:
    codec = subject.connection(case)
    good = codec.decode(case.other or b"", case.direction)
    at = case.cuts[0] if case.cuts else good.header_size
    assume(_has_its_id_before(at, codec, good))
    _, unreadable = _unreadable(subject, case)
    for metadata in unreadable:
        if metadata.request_id != good.request_id:
            raise Violation(f"the header has the id {good.request_id}, and the metadata {metadata.request_id}")
        # A key after the fixed part of a header may tell that a reply is expected.
        if at >= good.header_size and metadata.expects_reply is not good.expects_reply:
            raise Violation(
                f"with this header a message {_expects(good)}, and the metadata says it {_expects(metadata)}"
            )


def _has_its_id_before(at: int, codec: Codec, metadata: Metadata) -> bool:
    """Return True if a new id leaves the bytes after a place as they are: else they are packed with the id in them."""
    try:
        renumbered = codec.encode(metadata, Mutation(), 0 if metadata.request_id else 1)
    except EncodeError:
        return at >= metadata.header_size
    return renumbered.endswith(metadata.message[at:])


def _expects(metadata: Metadata) -> str:
    return "expects a reply" if metadata.expects_reply else "expects no reply"
