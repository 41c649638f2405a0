"""Codecs with one fault in what they answer."""

from mutants.mutant import Mutant, collect

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import HEARTBEAT, RESPONSE
from metaprotocol_sdk import Codec, Error, ErrorType, MessageType

REPLIES: list[Mutant] = []
fails = collect(REPLIES)


@fails("MP-REPLY-001", "MP-AFTERMATH-004")
class AnswersNothing(AwesomeRpcCodec):
    def on_error(self, request, error):
        return b""


@fails("MP-REPLY-001", "MP-AFTERMATH-004")
class AnswersOnewayRequests(AwesomeRpcCodec):
    def on_error(self, request, error):
        request = request.clone()
        request.expects_reply |= request.message_type is MessageType.ONEWAY
        return super().on_error(request, error)


@fails("MP-REPLY-001", "MP-REPLY-006")
class HasNoNumberForSomeErrors(AwesomeRpcCodec):
    def on_error(self, request, error):
        numbers = {name: 255 for name in ErrorType if name is not ErrorType.OVERFLOW}
        return super().on_error(request, Error(error.type, error.message, error.code or numbers[error.type]))


@fails("MP-REPLY-002", "MP-REPLY-006", "MP-REPLY-007", "MP-FAILURE-002")
class AnswersWithASuccess(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:14] + bytes(2) + reply[16:] if reply else reply


@fails("MP-REPLY-002", "MP-REPLY-006")
class AnswersWithHalfAMessage(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:8] + (len(reply) + 1).to_bytes(4) + reply[12:] if reply else reply


@fails("MP-REPLY-003", "MP-AFTERMATH-004")
class LosesTheIdOfTheRequest(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:4] + bytes(4) + reply[8:] if reply else reply


@fails("MP-REPLY-004")
class AnswersFromTheBytes(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:4] + (request.message[4:8] or bytes(4)) + reply[8:] if reply else reply


@fails("MP-REPLY-004")
class MarksTheRequestAsAnswered(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        request.properties["answered"] = "yes"
        return reply


@fails("MP-REPLY-005")
class ReportsAsciiOnly(AwesomeRpcCodec):
    def on_error(self, request, error):
        error.message.encode("ascii")
        return super().on_error(request, error)


@fails("MP-REPLY-006")
class CutsTheCode(AwesomeRpcCodec):
    def on_error(self, request, error):
        code = error.code if error.code is None else error.code & 0xFF or 1
        return super().on_error(request, Error(error.type, error.message, code))


@fails("MP-REPLY-007")
class GivesEveryReasonTheSameNumber(AwesomeRpcCodec):
    """As Aeraki's codecs do."""

    def on_error(self, request, error):
        return super().on_error(request, Error(error.type, error.message, 1 if error.code is None else error.code))


@fails("MP-REPLY-008")
class ForgetsWhatResponsesRepeat(AwesomeRpcCodec):
    echoed_properties = frozenset({"cmd"})

    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:12] + bytes(2) + reply[14:] if reply else reply


@fails("MP-REPLY-002", "MP-REPLY-006", "MP-REPLY-009")
class AnswersWithAQuestion(AwesomeRpcCodec):
    def on_error(self, request, error):
        reply = super().on_error(request, error)
        return reply[:3] + bytes((HEARTBEAT,)) + reply[4:] if reply else reply


@fails("MP-HEARTBEAT-001")
class AnswersHeartbeatsOfOthers(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        reply = super().heartbeat_reply(request)
        return reply[:4] + bytes(4) + reply[8:]


@fails("MP-HEARTBEAT-001")
class AnswersHeartbeatsWithHeartbeats(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        return self.build(HEARTBEAT, request.request_id, 0)


@fails("MP-HEARTBEAT-001")
class AnswersHeartbeatsWithAFailure(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        return self.build(RESPONSE, request.request_id, 0, 4)


@fails("MP-HEARTBEAT-002")
class AnswersHeartbeatsFromTheBytes(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        return request.message[:3] + b"\x04" + request.message[4:]


@fails("MP-CLAIM-003")
class ClaimsHeartbeats(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        return None


@fails("MP-CLAIM-005")
class HasNoOnError(AwesomeRpcCodec):
    on_error = Codec.on_error


@fails("MP-COMPLETE-001")
class ChangesTheIdOfWhatIsComplete(AwesomeRpcCodec):
    def complete(self, response):
        response.request_id += 1


@fails("MP-COMPLETE-001")
class ChangesTheRequestOfWhatIsComplete(AwesomeRpcCodec):
    def complete(self, response):
        response.request.properties.clear()


@fails("MP-AFTERMATH-004")
class CannotAnswerWhatItCannotRead(AwesomeRpcCodec):
    def on_error(self, request, error):
        return b"" if request.error else super().on_error(request, error)
