"""Error replies that are no answers by themselves: what closes a stream, and what only its request explains."""

import struct

import pytest

from metaprotocol_sdk import (
    Codec,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    LengthField,
    MessageType,
    Metadata,
    Status,
    UnsupportedMutation,
)
from metaprotocol_sdk.testing import Case, Violation, replay

HEADER = struct.Struct(">IBH")  # id, kind, length of the rest
OPEN, CLOSE = 0, 1
QUESTION = Case(HEADER.pack(5, OPEN, 0), error=Error(ErrorType.TIMEOUT))


class Streams(Codec):
    """As in HTTP/2, the number of a stream is the only number: whoever renumbers one renumbers the other."""

    name = "streams"
    framing = LengthField(offset=5, length=2)
    max_request_id = 2**32 - 1
    failure = 9

    def decode(self, message, direction):
        number, kind, _ = HEADER.unpack_from(message)
        if kind == OPEN:
            return Metadata(
                message, MessageType.STREAM_INIT, number, header_size=7, stream_id=number, expects_reply=True
            )
        status = Status.ERROR if message[7:] > b"\0" else Status.OK
        closing = MessageType.STREAM_CLOSE_TWO_WAY
        return Metadata(message, closing, number, "", status, header_size=7, stream_id=number, expects_reply=False)

    def encode(self, metadata, mutation, request_id=None):
        if mutation:
            raise UnsupportedMutation("there are no headers")
        number = metadata.request_id if request_id is None else request_id
        if not 0 <= number < 2**32:
            raise EncodeError("the number does not fit")
        return number.to_bytes(4) + metadata.message[4:]

    def on_error(self, request, error):
        return HEADER.pack(request.request_id, CLOSE, 1) + bytes((self.failure,)) if request.expects_reply else b""


class ClosesWithSuccess(Streams):
    failure = 0


class OnlyTheRequestTells(Streams):
    """As in Kafka, the version that the request asked for says where the response has its status."""

    def decode(self, message, direction):
        number, kind, _ = HEADER.unpack_from(message)
        message_type = MessageType.REQUEST if kind == OPEN else MessageType.RESPONSE
        return Metadata(message, message_type, number, header_size=7, expects_reply=kind == OPEN)

    def complete(self, response):
        if response.request is not None and response.message[7:] > b"\0":
            response.status = Status.ERROR


class NobodyTells(OnlyTheRequestTells):
    def complete(self, response):
        pass


@pytest.mark.parametrize("codec", [Streams, OnlyTheRequestTells])
def test_a_reply_that_its_client_sees_as_a_failure_is_one(codec: type[Codec]) -> None:
    replay("MP-REPLY-002", codec, QUESTION)


@pytest.mark.parametrize("codec", [ClosesWithSuccess, NobodyTells])
def test_a_reply_that_no_client_sees_as_a_failure_is_none(codec: type[Codec]) -> None:
    with pytest.raises(Violation, match="decodes as a success"):
        replay("MP-REPLY-002", codec, QUESTION)


def test_one_number_may_be_both_the_request_and_the_stream() -> None:
    replay("MP-ID-001", Streams, Case(QUESTION.data, Direction.TO_SERVER, request_id=6))


def test_a_stream_with_a_number_of_its_own_keeps_it() -> None:
    class KeepsTwoNumbers(Streams):
        def decode(self, message, direction):
            metadata = super().decode(message, direction)
            metadata.stream_id = metadata.request_id + 1
            return metadata

    with pytest.raises(Violation, match="has another stream_id: 7, not 6"):
        replay("MP-ID-001", KeepsTwoNumbers, Case(QUESTION.data, Direction.TO_SERVER, request_id=6))
