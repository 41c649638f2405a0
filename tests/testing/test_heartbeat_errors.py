"""A protocol whose heartbeats are answered by heartbeats only, with a status: SMPP is one."""

import pytest

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import HEARTBEAT, HEARTBEAT_RESPONSE
from metaprotocol_sdk import Error, ErrorType, MessageType, Status
from metaprotocol_sdk.testing import Case, Violation, replay

BEAT = Case(AwesomeRpcCodec().build(HEARTBEAT, 5, 0), error=Error(ErrorType.TIMEOUT))


class BeatsBack(AwesomeRpcCodec):
    reported = Status.ERROR

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if metadata.message_type is MessageType.HEARTBEAT and not metadata.expects_reply:
            metadata.status = self.reported
        return metadata

    def on_error(self, request, error):
        reply = super().on_error(request, error)
        beats = request.message_type is MessageType.HEARTBEAT
        return reply[:3] + bytes((HEARTBEAT_RESPONSE,)) + reply[4:] if beats else reply


class SaysThatAllIsWell(BeatsBack):
    reported = Status.OK


def test_a_heartbeat_may_be_answered_with_a_heartbeat_that_reports_a_failure() -> None:
    replay("MP-REPLY-002", BeatsBack, BEAT)


def test_it_may_not_be_answered_with_one_that_reports_none() -> None:
    with pytest.raises(Violation, match="decodes as a success: type heartbeat"):
        replay("MP-REPLY-002", SaysThatAllIsWell, BEAT)
