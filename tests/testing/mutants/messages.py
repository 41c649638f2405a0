"""Codecs with one fault in what they say of a message, or of themselves."""

import threading
from collections.abc import Iterable

from mutants.mutant import Mutant, collect
from toys.streams import BraidCodec

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Capability, Codec, DecodeError, Direction, Error, Metadata, Mutation, Span, StreamCodec

MESSAGES: list[Mutant] = []
fails = collect(MESSAGES)


@fails("MP-REGISTRY-001", "MP-REGISTRY-002", "MP-REGISTRY-003", "MP-REGISTRY-004", "MP-REGISTRY-005", "MP-REGISTRY-006")
class NeedsAnOption(AwesomeRpcCodec):
    def __init__(self, region: str) -> None:
        super().__init__()
        self.region = region


@fails("MP-REGISTRY-002")
class ClaimsInAList(AwesomeRpcCodec):
    capabilities = list(AwesomeRpcCodec.capabilities)  # noqa: RUF012 - the fault


@fails("MP-REGISTRY-003", "MP-CLAIM-001", "MP-CLAIM-002", "MP-CLAIM-003")
class SwapsItsExamples(AwesomeRpcCodec):
    def examples(self) -> Iterable:
        return [(message, direction) for direction, message in super().examples()]


@fails("MP-REGISTRY-003", "MP-CLAIM-001", "MP-CLAIM-002", "MP-CLAIM-003")
class HasNoExamples(AwesomeRpcCodec):
    def examples(self) -> Iterable:
        return ()


@fails("MP-REGISTRY-004")
class IsAnObjectAtAnAddress(AwesomeRpcCodec):
    __repr__ = object.__repr__


@fails("MP-REGISTRY-005")
class HoldsALock(AwesomeRpcCodec):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def __repr__(self) -> str:
        return "HoldsALock()"


@fails(
    "MP-REGISTRY-006",
    "MP-IDENTITY-002",
    "MP-ID-001",
    "MP-ID-002",
    "MP-ID-003",
    "MP-THREAD-001",
    "MP-CONNECTION-003",
    "MP-MUTATION-001",
    "MP-MUTATION-002",
    "MP-MUTATION-003",
    "MP-MUTATION-004",
    "MP-MUTATION-005",
    "MP-MUTATION-006",
    "MP-MUTATION-007",
    "MP-MUTATION-008",
    "MP-MUTATION-009",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-AFTERMATH-005",
)
class ForgetsTheIdArgument(AwesomeRpcCodec):
    def encode(self, metadata: Metadata, mutation: Mutation) -> bytes:
        return super().encode(metadata, mutation)


@fails("MP-MESSAGE-007", "MP-IDENTITY-002", "MP-ID-001")
class ForgetsTheStream(BraidCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.stream_id = None
        return metadata


@fails("MP-MESSAGE-001", "MP-AFTERMATH-005", "MP-CONVERSATION-001")
class RefusesAMessageOfItsOwnProtocol(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if message.endswith(b"hello"):
            raise DecodeError("nobody says hello")
        return super().decode(message, direction)


@fails(
    "MP-MESSAGE-002",
    "MP-MESSAGE-006",
    "MP-THREAD-001",
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-002",
    "MP-CLAIM-001",
    "MP-CLAIM-002",
    "MP-CLAIM-003",
    "MP-COMPLETE-001",
    "MP-AFTERMATH-001",
    "MP-AFTERMATH-004",
)
class PassesOnTheBodyOnly(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.message = message[metadata.header_size :]
        return metadata


@fails(
    "MP-MESSAGE-002",
    "MP-MESSAGE-006",
    "MP-CLAIM-001",
    "MP-CLAIM-002",
    "MP-CLAIM-003",
    "MP-AFTERMATH-001",
    "MP-AFTERMATH-004",
)
class HasPropertiesThatAreNoText(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.properties["trace"] = metadata.properties.get("trace")
        return metadata


@fails(
    "MP-MESSAGE-002",
    "MP-MESSAGE-006",
    "MP-THREAD-001",
    "MP-CLAIM-001",
    "MP-CLAIM-002",
    "MP-CLAIM-003",
    "MP-AFTERMATH-001",
    "MP-AFTERMATH-004",
)
class CountsTheHeaderTwice(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.header_size += 18
        return metadata


@fails("MP-MESSAGE-003")
class ExpectsRepliesToOnewayRequests(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        metadata.expects_reply |= metadata.message_type == "oneway"
        return metadata


@fails(
    "MP-MESSAGE-004",
    "MP-THREAD-001",
    "MP-MUTATION-001",
    "MP-MUTATION-006",
    "MP-TEXT-001",
)
class SharesADefault(AwesomeRpcCodec):
    def decode(self, message, direction, properties: dict = {}):  # noqa: B006 - the fault
        metadata = super().decode(message, direction)
        properties.update(metadata.properties)
        metadata.properties = properties
        return metadata


@fails("MP-MESSAGE-005", "MP-AFTERMATH-001")
class LeavesTheLastByteUnexplained(AwesomeRpcCodec):
    def spans(self, metadata: Metadata) -> list[Span]:
        last = super().spans(metadata)[-1]
        return [*super().spans(metadata)[:-1], *([Span(last.start, last.end - 1, "x")] if len(last.name) == 7 else [])]


@fails("MP-MESSAGE-006")
class ClaimsStreams(AwesomeRpcCodec, StreamCodec):
    capabilities = AwesomeRpcCodec.capabilities | {Capability.STREAMS}

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        return b""


@fails("MP-CLAIM-004")
class ClaimsTooLittle(AwesomeRpcCodec):
    capabilities = AwesomeRpcCodec.capabilities - {Capability.RESPONSE_MUTATION}


@fails("MP-THREAD-001")
class KeepsTheMessageOnTheCodec(AwesomeRpcCodec):
    def decode(self, message: bytes, direction: Direction) -> Metadata:
        self.current = message
        metadata = super().decode(self.current, direction)
        metadata.message = self.current
        return metadata


@fails("MP-CONNECTION-003", "MP-CONVERSATION-004")
class SharesStateAmongConnections(AwesomeRpcCodec):
    """It keeps its memory of a connection in the default of an argument."""

    def __init__(self, operations: dict[int, str] = {}) -> None:  # noqa: B006 - the fault
        super().__init__()
        self.operations = operations

    def for_connection(self) -> Codec:
        return type(self)()

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        if metadata.expects_reply:
            self.operations[metadata.request_id] = metadata.operation
        elif metadata.message_type in ("response", "exception"):
            metadata.operation = self.operations.get(metadata.request_id, "")
        return metadata


@fails("MP-MESSAGE-004", "MP-THREAD-001", "MP-CONNECTION-001", "MP-CONNECTION-003", "MP-CONNECTION-002")
class NumbersItsMessages(AwesomeRpcCodec):
    """It keeps state without saying so by for_connection."""

    count = 0

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        metadata = super().decode(message, direction)
        self.count += 1
        metadata.operation += f"#{self.count}"
        return metadata
