"""Codecs that break what the contract says of conversations, streams, failures and checksums."""

from mutants.mutant import Mutant, collect
from toys.resp import RespCodec
from toys.sealed import SealedCodec
from toys.session import ParleyCodec
from toys.streams import DATA, BraidCodec, build

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import EncodeError, ErrorType, MessageType, Status

CONTRACT: list[Mutant] = []
fails = collect(CONTRACT)


@fails("MP-CONVERSATION-002")
class TakesAPushForAnAnswer(RespCodec):
    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if metadata.message_type is MessageType.EVENT:
            metadata.message_type = MessageType.RESPONSE
        return metadata


@fails("MP-CONVERSATION-003")
class PromisesAnOrderThatDoesNotHold(AwesomeRpcCodec):
    ordered_replies = True


@fails("MP-FAILURE-001")
class CountsEveryAnswerAsAFailure(AwesomeRpcCodec):
    def error_type(self, response):
        return super().error_type(response) or ErrorType.UNSPECIFIED


@fails("MP-FAILURE-002")
class TakesEveryFailureForATimeout(AwesomeRpcCodec):
    def error_type(self, response):
        return ErrorType.TIMEOUT if response.status is Status.ERROR else None


@fails("MP-MULTIPLEX-001")
class KeepsTheStreamId(BraidCodec):
    """The second id of a message is forgotten in encode."""

    def encode(self, metadata, mutation, request_id=None, stream_id=None):
        super().encode(metadata, mutation, request_id, stream_id)
        return super().encode(metadata, mutation, request_id)


@fails("MP-MULTIPLEX-002")
class WrapsTheStreamId(BraidCodec):
    def encode(self, metadata, mutation, request_id=None, stream_id=None):
        stream_id = None if stream_id is None else stream_id % 2**32
        return super().encode(metadata, mutation, request_id, stream_id)


@fails("MP-MULTIPLEX-003")
class SendsDataToEndAStream(BraidCodec):
    def end_stream(self, stream, error, direction):
        return build(DATA, stream.stream_id)


@fails("MP-MUTATION-012")
class KeepsTheOldChecksum(SealedCodec):
    """And does not look at it when it decodes."""

    def is_broken(self, message):
        return False

    def encode(self, metadata, mutation, request_id=None):
        encoded = super().encode(metadata, mutation, request_id)
        return encoded[:-4] + metadata.message[-4:]


@fails("MP-MUTATION-001", "MP-MUTATION-005")
class CountsTo127(SealedCodec):
    def counted(self, labels):
        return len(labels) & 0x7F


@fails("MP-MUTATION-011")
class RefusesLongValuesWithAnotherError(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if any(value is not None and len(value) > 0xFFFF for value in mutation.values()):
            raise EncodeError("the value does not fit 16 bits")
        return super().encode(metadata, mutation, request_id)


@fails("MP-MESSAGE-001", "MP-CONVERSATION-001", "MP-CONVERSATION-002", "MP-REPLY-002", "MP-REPLY-005")
class ForgetsTheAlphabet(ParleyCodec):
    """After four messages, which no case of one message has before it."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def decode(self, message, direction):
        self.count += 1
        if self.count > 4:
            self.alphabet = ""
        return super().decode(message, direction)


@fails("MP-CONVERSATION-004")
class KeepsEveryMessage(ParleyCodec):
    def __init__(self):
        super().__init__()
        self.seen = []

    def decode(self, message, direction):
        self.seen.append(message)
        return super().decode(message, direction)
