"""A valid message decodes, and its metadata is true. The sources of single messages are here, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Capability, Layout, MessageType, Metadata, ProtocolError, Span, Status
from metaprotocol_sdk.testing._case import Case, Violation, assume, assumed, shown
from metaprotocol_sdk.testing._hypothesis import damaged, directions, from_layout
from metaprotocol_sdk.testing._outcome import decoded, difference, facts, faults
from metaprotocol_sdk.testing._property import Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaprotocol_sdk.testing._subject import Subject

STREAM_TYPES = {
    MessageType.STREAM_INIT,
    MessageType.STREAM_DATA,
    MessageType.STREAM_FLOW_CONTROL,
    MessageType.STREAM_CLOSE_ONE_WAY,
    MessageType.STREAM_CLOSE_TWO_WAY,
}
_ANSWERED = (MessageType.REQUEST, MessageType.HEARTBEAT)
_KINDS = {
    Capability.ONEWAY: {MessageType.ONEWAY},
    Capability.HEARTBEAT: {MessageType.HEARTBEAT},
    Capability.STREAMS: STREAM_TYPES,
}


@source()
def once(subject: Subject) -> Iterable[Case]:
    """One case without any bytes, for properties of the codec itself."""
    yield Case()


def _declared(subject: Subject) -> st.SearchStrategy[Case] | None:
    if subject.messages is None:
        return None
    return subject.messages.map(lambda message: subject.case(*message))


@source(_declared)
def declared(subject: Subject) -> Iterable[Case]:
    """The valid messages."""
    yield from subject.samples


def any_message(subject: Subject) -> st.SearchStrategy[Case] | None:
    """Return a strategy for valid messages, and for others whose end the framing finds."""
    ways: list[st.SearchStrategy[Case]] = []
    if subject.samples:
        ways.append(st.sampled_from(subject.samples))
    if subject.messages is not None:
        ways.append(subject.messages.map(lambda message: subject.case(*message)))
    if not subject.keeps_state:
        ways += [_drawn_header(subject, layout) for layout in subject.layouts]
    if subject.samples:
        ways.append(_edited(subject))
    return st.one_of(ways) if ways else None


@st.composite
def _drawn_header(draw: st.DrawFn, subject: Subject, layout: Layout) -> Case:
    """Generate a message by its layout, with a length that the framing agrees with; else a valid message."""
    direction, data = draw(directions()), draw(from_layout(layout, subject.codec.framing))
    framed = subject.frames.resized(data, data, direction)
    if framed is None:
        return draw(st.sampled_from(subject.samples)) if subject.samples else Case(data, direction)
    return subject.case(direction, framed)


@st.composite
def _edited(draw: st.DrawFn, subject: Subject) -> Case:
    """Generate a valid message with some bytes changed and its length set to fit."""
    case = draw(st.sampled_from(subject.samples))
    changed = draw(damaged(case.data))
    resized = subject.frames.resized(case.data, changed, case.direction)
    return case if resized is None else case.having(data=resized)


def any_unpaired(subject: Subject) -> st.SearchStrategy[Case] | None:
    """Return a strategy for the same messages, none of them paired with its request."""
    found = any_message(subject)
    return None if found is None else found.map(lambda case: case.having(request=None))


@source(any_unpaired, variants=lambda subject, case, metadata: [lambda: case])
def messages(subject: Subject) -> Iterable[Case]:
    """The valid messages, and random ones that need not be valid; none is paired with its request."""
    for case in subject.samples:
        yield case.having(request=None)


@prove(
    "MP-MESSAGE-001",
    Tier.MESSAGE,
    declared,
    title="A valid message decodes",
    why="A message that its own peers understand would be refused in the mesh.",
    fix="Read the field at the offset of the error as the protocol's own peers do.",
)
def decodes(subject: Subject, case: Case) -> None:
    codec = subject.connection(case)
    try:
        metadata = codec.decode(case.data, case.direction)
    except ProtocolError as error:
        raise Violation(f"it is refused with {type(error).__name__}: {error}") from error
    if not isinstance(metadata, Metadata):
        raise Violation(f"decode returned {shown(metadata)}, which is not a Metadata")
    if metadata.error is not None:
        raise Violation(f"it is refused with {type(metadata.error).__name__}: {metadata.error}") from metadata.error


@prove(
    "MP-MESSAGE-002",
    Tier.MESSAGE,
    messages,
    title="The metadata describes the message that was given, with values of the right types and sizes",
    why="Rules, statistics and traces read these fields without asking. A None among the properties breaks a "
    "rule; a header that is longer than its message makes every change lose bytes.",
    fix="Pass the message on as it came, check a size from the wire against `len(message)` before using it, and "
    "leave properties out rather than setting them to None.",
)
def describes_the_message(subject: Subject, case: Case) -> None:
    metadata = assumed(decoded(subject.connection(case), case.data, case.direction))
    if wrong := faults(metadata, case.data, subject.codec):
        raise Violation(wrong)


@prove(
    "MP-MESSAGE-003",
    Tier.MESSAGE,
    messages,
    title="The type of a message agrees with its status, and with whether it expects a reply",
    why="A one-way request that seems to expect a reply waits in the proxy's table until it times out; an answer that "
    "seems to expect one is answered, and the peers talk for ever.",
    fix="Set `expects_reply` on requests and heartbeat questions only, and a status other than OK on answers only.",
)
def agrees_with_its_type(subject: Subject, case: Case) -> None:
    _, metadata = subject.read(case)
    kind = metadata.message_type
    if metadata.expects_reply and kind not in _ANSWERED and kind not in STREAM_TYPES:
        raise Violation(f"a message of type {kind} expects a reply")
    if kind is MessageType.REQUEST and not metadata.expects_reply:
        raise Violation("a message of type request expects no reply; such a request is a oneway")
    if metadata.status is not Status.OK and kind in (MessageType.REQUEST, MessageType.ONEWAY):
        raise Violation(f"a message of type {kind} has the status {metadata.status}")


@prove(
    "MP-MESSAGE-004",
    Tier.MESSAGE,
    messages,
    title="The same bytes decode to the same metadata, and to one of its own",
    why="Retries and mirrors decode again; what one of them changes in its metadata must not show in the other.",
    fix="Make a new `Metadata` with a new dict of properties in every call, and keep nothing on the codec.",
)
def decodes_again(subject: Subject, case: Case) -> None:
    codec, first = subject.read(case)
    before = facts(first)
    first.properties["x-kit-changed"] = "by a rule"
    if subject.keeps_state:
        codec = subject.connection(case)
    second = codec.decode(case.data, case.direction)
    if different := difference(before, facts(second)):
        raise Violation(f"the second time it has another {different}")


@prove(
    "MP-MESSAGE-005",
    Tier.MESSAGE,
    messages,
    title="The spans are in order, do not overlap, and cover the message",
    why="`metaprotocol inspect` and the kit show a person which bytes are which field.",
    fix="Begin each span where the one before it ends, and give what is left a span of its own.",
)
def explains_every_byte(subject: Subject, case: Case) -> None:
    codec, metadata = subject.read(case)
    if wrong := gaps(codec.spans(metadata), len(case.data)):
        raise Violation(wrong)


def gaps(spans: Sequence[Span], size: int) -> str:
    """Return the first place where spans don't cover a message of a size, in words; "" if they cover it."""
    at = 0
    for span in spans:
        if span.start != at or span.end <= span.start:
            return f"the span {span.name} is from {span.start} to {span.end}; it should begin at {at}"
        at = span.end
    return "" if at == size else f"the spans end at {at}, and the message at {size}"


@prove(
    "MP-MESSAGE-006",
    Tier.MESSAGE,
    once,
    title="Each kind of message that the codec claims is among the valid ones that it is tried on",
    why="A capability that was never tried is a promise, not a fact.",
    fix="Give `examples()` a one-way message, a heartbeat or the messages of a stream; or claim less.",
)
def shows_what_it_claims(subject: Subject, case: Case) -> None:
    claimed = subject.codec.capabilities & _KINDS.keys()
    assume(claimed and subject.samples)
    decoded = [subject.receive(sample)[1] for sample in subject.samples]
    seen = {metadata.message_type for metadata in decoded if metadata is not None}
    missing = sorted(capability for capability in claimed if not seen & _KINDS[capability])
    if missing:
        raise Violation(f"the codec claims {', '.join(missing)}, and none of its messages is such")


@prove(
    "MP-MESSAGE-007",
    Tier.MESSAGE,
    messages,
    claim=Capability.STREAMS,
    title="A message of a stream says which stream it belongs to, and no other message does",
    why="A proxy keeps a stream together by its number: without one its messages go to different servers.",
    fix="Set `stream_id` on the messages that open, continue and close streams.",
)
def says_which_stream(subject: Subject, case: Case) -> None:
    _, metadata = subject.read(case)
    kind = metadata.message_type
    if kind in STREAM_TYPES and metadata.stream_id is None:
        raise Violation(f"a message of type {kind} has no stream_id")
    if kind not in STREAM_TYPES and metadata.stream_id is not None:
        raise Violation(f"a message of type {kind} has the stream_id {metadata.stream_id}")
    assume(kind in STREAM_TYPES)
