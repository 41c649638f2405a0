"""The codec under test, and its valid messages: from examples, recorded streams and a strategy."""

from __future__ import annotations

import glob
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, Correlation, Direction, Layout, MessageDecoder, MessageType, Metadata
from metaprotocol_sdk.testing._case import ANYTHING, Case, Violation, assumed, shown
from metaprotocol_sdk.testing._frames import Frames
from metaprotocol_sdk.testing._hypothesis import DEFAULT, Effort, some
from metaprotocol_sdk.testing._outcome import ANSWERS, Outcome, decoded, outcome, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    Message = tuple[Direction, bytes]

MOST_EXAMPLES = 1_000
_DRAWN = 20  # messages of the author's strategy that the sweeps use too
_BRIEF = 8 * 1024  # bytes of the messages that sweeps go through byte by byte
_MOST_REPLAYED = 256 * 1024  # bytes before the cases of one conversation; after them, one case of each kind follows
_SUFFIXES = {".c2s.bin": Direction.TO_SERVER, ".s2c.bin": Direction.TO_CLIENT}


class Subject:
    """A codec under test.

    Args:
        make: Returns a new codec object: a codec's class, or a function without arguments.
        messages: Generates valid messages, or None.
        vectors: Valid messages, besides the codec's own examples; of each connection a sequence, in order.
        effort: The number of cases to try.
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
        """Entered around each call that must end; whoever checks puts a watchdog here."""
        self.is_slow = False
        """True if work was seen to grow faster than a message. Then fewer long messages are tried afterwards."""
        self.locks = False
        """True if one thread was seen to keep another from using the codec at the same time."""

    @cached_property
    def codec(self) -> Codec:
        """One codec object, for the attributes of its class; cases are decoded by others."""
        return self.make()

    @cached_property
    def can_be_made(self) -> bool:
        """True if there is a codec to try anything on."""
        try:
            return isinstance(self.codec, Codec)
        except ANYTHING:  # a property of its own reports it
            return False

    @cached_property
    def keeps_state(self) -> bool:
        """True if the meaning of a message depends on those before it on its connection."""
        return type(self.codec).for_connection is not Codec.for_connection

    @cached_property
    def samples(self) -> tuple[Case, ...]:
        """The valid messages, the shortest first: examples, vectors, and some that the strategy draws.

        Raises:
            ValueError: The strategy for messages draws something else.
        """
        found: dict[tuple[Direction, bytes], Case] = {}
        for conversation in self.conversations:
            for case in self._cases_of(conversation):
                found.setdefault((case.direction, case.data), case)
        if self.messages is not None:
            for direction, data in _drawn(self.messages):
                found.setdefault((direction, data), self.case(direction, data, list(found.values())))
        return tuple(sorted(found.values(), key=lambda case: len(case.data)))

    @cached_property
    def conversations(self) -> tuple[tuple[Message, ...], ...]:
        """The messages of each connection that is known, in their order: the examples, then each recording."""
        try:
            examples = [example for example in islice(self.codec.examples(), MOST_EXAMPLES) if is_message(example)]
        except ANYTHING:  # a property of its own reports it
            examples = []
        return tuple(conversation for conversation in (tuple(examples), *self.vectors) if conversation)

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts of the codec's headers: the one of its class, and those of its valid messages."""
        found = [self.codec.layout, *(self.codec.layout_of(case.data) for case in self.samples)]
        return tuple({id(layout): layout for layout in found if layout is not None}.values())

    @cached_property
    def brief(self) -> tuple[Case, ...]:
        """The shortest valid messages, some KiB of them and one of each kind, for sweeps that go byte by byte."""
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
        """The valid messages that an answer may belong to."""
        return [case.data for case in self.samples if case.direction is Direction.TO_SERVER and self._is_question(case)]

    @cached_property
    def frames(self) -> Frames:
        """Makes messages of other sizes."""
        return Frames(self.codec)

    @cached_property
    def runs(self) -> tuple[tuple[Case, ...], ...]:
        """Valid messages that may follow each other on a connection in one direction."""
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
        """Return the codec of a new connection that has received the messages before the case."""
        codec = self.make().for_connection()
        if not isinstance(codec, Codec):
            raise Violation(f"for_connection returned {shown(codec)}, which is not a Codec")
        for direction, data in case.before:
            codec.decode(data, direction)
        return codec

    def answered_connection(self, case: Case) -> Codec:
        """Return the codec of a new connection on which the case's request was sent, for reading the answer to it."""
        codec = self.connection(case)
        if self.keeps_state:
            decoded(codec, case.data, case.direction)
        return codec

    def receive(self, case: Case) -> tuple[Codec, Metadata | None]:
        """Decode a case's message on a new connection and pair it; None if it is refused."""
        codec = self.connection(case)
        return codec, receive(codec, case)

    def read(self, case: Case) -> tuple[Codec, Metadata]:
        """Decode a case's message as `receive` does. A message that is refused says nothing about the property.

        Raises:
            Unsatisfied: The message is refused.
        """
        codec, metadata = self.receive(case)
        return codec, assumed(metadata)

    def tried(self, case: Case, codec: Codec | None = None) -> Outcome | None:
        """Return the outcome of a stream in one piece; None if the codec raises something that it must not.

        Properties of their own find that, and it says nothing about the others.

        Args:
            case: The case; its data are the stream.
            codec: The codec of the connection; None makes a new one.
        """
        try:
            return outcome(codec or self.connection(case), [case.data], case.direction)
        except ANYTHING:  # as it says above
            return None

    def decoder(self, case: Case) -> MessageDecoder:
        """Return a decoder of a new connection."""
        return MessageDecoder(self.connection(case), case.direction)

    def _cases_of(self, conversation: Sequence[Message]) -> list[Case]:
        """Return the cases of a conversation. It is decoded once, on one connection, however long it is."""
        cases: list[Case] = []
        kinds: set[tuple[Direction, str]] = set()
        replayed = 0  # bytes
        for number, (direction, data, kind, request) in enumerate(self._paired(conversation)):
            before: tuple[Message, ...] = ()
            if self.keeps_state:
                # A case of a codec that keeps state replays all that came before it, so not every message can be one.
                size = sum(len(earlier) for _, earlier in conversation[:number]) if replayed < _MOST_REPLAYED else 0
                replayed += size
                if replayed >= _MOST_REPLAYED and (direction, kind) in kinds:
                    continue
                before = tuple(conversation[:number])
            kinds.add((direction, kind))
            cases.append(Case(data, direction, before=before, request=request))
        return cases

    def _paired(self, conversation: Sequence[Message]) -> Iterator[tuple[Direction, bytes, str, bytes | None]]:
        """Yield each message with its type, and of an answer the request that it belongs to."""
        questions: deque[bytes] = deque()
        by_id: dict[int, bytes] = {}
        connection = self._new_connection()
        for direction, data in conversation:
            metadata = None if connection is None else decoded(connection, data, direction)
            kind = "" if metadata is None else str(metadata.message_type)
            request = None
            if metadata is not None and direction is Direction.TO_SERVER:
                if metadata.message_type is MessageType.REQUEST:
                    questions.append(data)
                    by_id.setdefault(metadata.request_id, data)
            elif metadata is not None and metadata.message_type in ANSWERS and questions:
                if self.codec.correlation is Correlation.ID:
                    request = by_id.get(metadata.request_id, questions[0])
                else:
                    request = questions.popleft()  # the next answer is that of the next question
            yield direction, data, kind, request

    def _new_connection(self) -> Codec | None:
        try:
            return self.connection(Case())
        except ANYTHING:  # the codec cannot be made, which properties of their own report
            return None

    def _answering(self, case: Case, questions: Sequence[bytes]) -> Case:
        metadata = self._decoded(case)
        if metadata is None or metadata.message_type not in ANSWERS or not questions:
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
        except ANYTHING:  # the codec cannot be made, or the messages before do not decode
            return None


def _drawn(messages: SearchStrategy[Message]) -> list[Message]:
    try:
        drawn = some(messages, _DRAWN)
    except Exception as error:
        raise ValueError(f"the strategy for messages raised {type(error).__name__}: {error}") from error
    for message in drawn:
        if not is_message(message):
            raise ValueError(
                f"the strategy for messages drew {shown(message)}, which is not a pair of Direction and bytes"
            )
    return drawn


def is_message(value: object) -> bool:
    """Return True if a value is a pair of a direction and some bytes."""
    match value:
        case (Direction(), bytes()):
            return True
        case _:
            return False


def read_vectors(make: Callable[[], Codec], pattern: str | Path) -> list[list[Message]]:
    """Return the messages of recorded connections.

    Args:
        make: Makes the codec, whose framing cuts the streams.
        pattern: A folder, or a pattern of paths such as `vectors/java-*`. The files `NAME.c2s.bin` (to the server) and
            `NAME.s2c.bin` (to the client) in it are read, those of one NAME as one connection.

    Raises:
        ValueError: There is no such file, or a stream is broken.
    """
    found: dict[str, list[Message]] = {}
    for path in sorted(_files(pattern)):
        for suffix, direction in _SUFFIXES.items():
            if path.name.endswith(suffix):
                found.setdefault(path.name.removesuffix(suffix), []).extend(_messages(make, path, direction))
    if not found:
        raise ValueError(f"there are no recorded streams {pattern} (files that end with .c2s.bin or .s2c.bin)")
    return list(found.values())


def _files(pattern: str | Path) -> Iterable[Path]:
    path = Path(pattern)
    return path.iterdir() if path.is_dir() else map(Path, glob.glob(str(pattern)))  # noqa: PTH207 - may be absolute


def _messages(make: Callable[[], Codec], path: Path, direction: Direction) -> list[Message]:
    decoder = MessageDecoder(make().for_connection(), direction)
    messages = [(direction, metadata.message) for metadata in decoder.feed(path.read_bytes())]
    if decoder.stream_error is not None or decoder.buffered:
        raise ValueError(f"the recorded stream {path} is broken: {decoder.stream_error or 'it ends inside a message'}")
    return messages
