"""The codec under test, and the messages that are known to be good."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Correlation, Direction, MessageDecoder, MessageType, Metadata
from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._effort import DEFAULT, Effort
from metaprotocol_sdk.testing._faults import faults
from metaprotocol_sdk.testing._frames import Frames
from metaprotocol_sdk.testing._outcome import Outcome, outcome
from metaprotocol_sdk.testing._search import some
from metaprotocol_sdk.testing._violation import ANYTHING, Violation, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hypothesis.strategies import SearchStrategy

    Message = tuple[Direction, bytes]

_DRAWN = 20  # messages of the author's strategy that the sweeps use too
_BRIEF = 8 * 1024
MOST_EXAMPLES = 1_000
_ANSWERS = (MessageType.RESPONSE, MessageType.EXCEPTION)


class Subject:
    """A codec under test.

    Args:
        make: Returns a new codec object: a codec's class, or a function without arguments.
        messages: Generates valid messages, or None.
        vectors: Valid messages, besides the codec's own examples; of each connection a sequence, in order.
        effort: How hard to try.
    """

    def __init__(
        self,
        make: Callable[[], Codec],
        *,
        messages: SearchStrategy[Message] | None = None,
        vectors: Iterable[Sequence[Message]] = (),
        effort: Effort = DEFAULT,
    ) -> None:
        self.make = make
        self.messages = messages
        self.vectors = tuple(tuple(conversation) for conversation in vectors)
        self.effort = effort
        self.limit: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered around what must end; whoever checks puts a watchdog here."""

    @cached_property
    def codec(self) -> Codec:
        """One codec object, for what its class says; cases are decoded by others."""
        return self.make()

    @cached_property
    def can_be_made(self) -> bool:
        """Whether there is a codec to try anything on."""
        try:
            return isinstance(self.codec, Codec)
        except ANYTHING:  # a property of its own says what is wrong
            return False

    @cached_property
    def keeps_state(self) -> bool:
        """Whether the meaning of a message depends on those before it."""
        return type(self.codec).for_connection is not Codec.for_connection

    @cached_property
    def samples(self) -> tuple[Case, ...]:
        """The messages that are known to be good, the shortest first: examples, vectors, and some drawn ones.

        Raises:
            ValueError: The strategy for messages draws something else.
        """
        found: dict[tuple[Direction, bytes], Case] = {}
        try:
            examples = [example for example in islice(self.codec.examples(), MOST_EXAMPLES) if is_message(example)]
        except ANYTHING:  # a property of its own says what is wrong
            examples = []
        for conversation in (examples, *self.vectors):
            for case in self._cases_of(conversation):
                found.setdefault((case.direction, case.data), case)
        if self.messages is not None:
            for direction, data in _drawn(self.messages):
                found.setdefault((direction, data), self.case(direction, data, list(found.values())))
        return tuple(sorted(found.values(), key=lambda case: len(case.data)))

    @cached_property
    def brief(self) -> tuple[Case, ...]:
        """The shortest good messages, some KiB of them and one of each kind: what sweeps go through byte by byte."""
        found: list[Case] = []
        kinds: set[tuple[Direction, str]] = set()
        size = 0
        for case in self.samples:
            metadata = self._decoded(case)
            kind = (case.direction, metadata.message_type if metadata else "")
            size += len(case.data)
            if size <= _BRIEF or kind not in kinds:
                found.append(case)
                kinds.add(kind)
        return tuple(found)

    @cached_property
    def requests(self) -> list[bytes]:
        """The good messages that an answer may belong to."""
        return [case.data for case in self.samples if case.direction is Direction.TO_SERVER and self._is_question(case)]

    @cached_property
    def frames(self) -> Frames:
        """Makes messages of other sizes."""
        return Frames(self.codec)

    @cached_property
    def runs(self) -> tuple[tuple[Case, ...], ...]:
        """Good messages that may follow each other on a connection in one direction."""
        if not self.keeps_state:
            both = ([case for case in self.samples if case.direction is direction] for direction in Direction)
            return tuple(tuple(run) for run in both if run)
        return tuple((case,) for case in self.samples)

    def case(self, direction: Direction, data: bytes, known: Iterable[Case] | None = None) -> Case:
        """Return the case of one message; an answer gets a request that it may belong to."""
        case = Case(data, direction)
        if direction is Direction.TO_SERVER:
            return case
        if known is None:
            questions = self.requests
        else:
            questions = [other.data for other in known if other.direction is Direction.TO_SERVER]
            questions = [data for data in questions if self._is_question(Case(data))]
        return self._answering(case, questions)

    def connection(self, case: Case) -> Codec:
        """Return the codec of a new connection, on which came what came before the case."""
        codec = self.make().for_connection()
        if not isinstance(codec, Codec):
            raise Violation(f"for_connection returned {shown(codec)}, which is no Codec")
        for direction, data in case.before:
            codec.decode(data, direction)
        return codec

    def receive(self, case: Case) -> tuple[Codec, Metadata | None]:
        """Decode a case's message on a new connection and pair it; None if it is refused."""
        codec = self.connection(case)
        return codec, receive(codec, case)

    def decoder(self, case: Case) -> MessageDecoder:
        """Return a decoder of a new connection."""
        return MessageDecoder(self.connection(case), case.direction)

    def _cases_of(self, conversation: Sequence[Message]) -> list[Case]:
        cases: list[Case] = []
        questions: list[bytes] = []
        for number, (direction, data) in enumerate(conversation):
            before = tuple(conversation[:number]) if self.keeps_state else ()
            case = Case(data, direction, before=before)
            if direction is Direction.TO_CLIENT:
                case = self._answering(case, questions)
                if case.request is not None and self.codec.correlation is not Correlation.ID:
                    questions.remove(case.request)  # each question has one answer, in order
            elif self._is_question(case):
                questions.append(data)
            cases.append(case)
        return cases

    def _answering(self, case: Case, questions: Sequence[bytes]) -> Case:
        metadata = self._decoded(case)
        if metadata is None or metadata.message_type not in _ANSWERS or not questions:
            return case
        for question in questions:
            asked = self._decoded(Case(question, before=case.before))
            if asked is not None and asked.request_id == metadata.request_id:
                return case.having(request=question)
        return case.having(request=questions[0])

    def _is_question(self, case: Case) -> bool:
        metadata = self._decoded(case)
        return metadata is not None and metadata.message_type is MessageType.REQUEST

    def _decoded(self, case: Case) -> Metadata | None:
        try:
            return decoded(self.connection(case), case.data, case.direction)
        except ANYTHING:  # the codec cannot be made, or what came before does not decode
            return None


def _drawn(messages: SearchStrategy[Message]) -> list[Message]:
    try:
        drawn = some(messages, _DRAWN)
    except Exception as error:
        raise ValueError(f"the strategy for messages raised {type(error).__name__}: {error}") from error
    for message in drawn:
        if not is_message(message):
            raise ValueError(
                f"the strategy for messages drew {shown(message)}, which is no pair of Direction and bytes"
            )
    return drawn


def receive(codec: Codec, case: Case) -> Metadata | None:
    """Decode a case's message and pair it with its request, as a proxy does.

    Returns:
        The metadata; None if the message is refused, and also if decoding it fails otherwise or what is said of it
        cannot be true: that is for properties of their own to find, and says nothing about the others.
    """
    metadata = decoded(codec, case.data, case.direction)
    if metadata is None or faults(metadata, case.data, codec):
        return None
    if case.request is not None and metadata.message_type in _ANSWERS:
        metadata.request = decoded(codec, case.request, case.direction.opposite)
        if metadata.request is not None:
            codec.complete(metadata)
    return metadata


def decoded(codec: Codec, data: bytes, direction: Direction) -> Metadata | None:
    """Decode a message; None if it cannot be read whole, for whatever reason."""
    try:
        metadata = codec.decode(data, direction)
        return None if metadata.error is not None else metadata
    except ANYTHING:  # which exceptions it may raise is for a property of its own
        return None


def tried(subject: Subject, case: Case) -> Outcome | None:
    """Return what comes out of a stream in one piece; None if the codec raises what it must not.

    That is for properties of their own to find, and says nothing about the others.
    """
    try:
        return outcome(subject.connection(case), [case.data], case.direction)
    except ANYTHING:  # as it says above
        return None


def is_message(value: object) -> bool:
    """Whether a value is a pair of a direction and some bytes."""
    match value:
        case (Direction(), bytes()):
            return True
        case _:
            return False
