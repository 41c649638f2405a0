"""Codecs whose work grows faster than a message: in Python, or hidden inside calls. Most do it to the body only."""

import re

from mutants.mutant import Mutant, collect
from toys.memo import MemoCodec

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction

COSTS: list[Mutant] = []
fails = collect(COSTS)


class ReadsTheBody(AwesomeRpcCodec):
    """Not a mutant: those below do something with the body, and drop what comes of it."""

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        self.read(message[metadata.header_size :])
        return metadata

    def read(self, body):
        pass


@fails("MP-COST-002", "MP-COST-004")
class LooksBackAtEveryByte(ReadsTheBody):
    def read(self, body):
        for at in range(0, len(body), 64):
            for before in range(0, at, 64):
                body[before]


@fails("MP-COST-002", "MP-COST-004")
class CopiesTheRestForEachByte(ReadsTheBody):
    def read(self, body):
        while body:
            body = body[4:]


@fails("MP-COST-002", "MP-COST-004")
class SearchesSlicesOfTheRest(ReadsTheBody):
    """Each copy is gone before the next line."""

    def read(self, body):
        for at in range(0, len(body), 16):
            body[at:].find(b"no such thing")


@fails("MP-COST-002", "MP-COST-004")
class AddsToBytes(ReadsTheBody):
    def read(self, body):
        copy = b""
        for at in range(0, len(body), 16):
            copy += body[at : at + 16]


@fails("MP-COST-002", "MP-COST-004")
class ReadsADecimalDigitByDigit(ReadsTheBody):
    """Each step multiplies all the digits before it."""

    def read(self, body):
        value = 0
        for byte in body[::4]:
            value = value * 10 + byte % 10


@fails("MP-COST-004")
class CountsTheLinesBeforeEachField(ReadsTheBody):
    """Nothing is copied: only time shows it."""

    def read(self, body):
        for at in range(0, len(body), 32):
            body.count(b"\n", 0, at)


@fails("MP-COST-004")
class PopsTheFirstElement(ReadsTheBody):
    def read(self, body):
        elements = list(body[::8])
        while elements:
            elements.pop(0)


@fails("MP-COST-004")
class SearchesAList(ReadsTheBody):
    def read(self, body):
        seen = []
        for at in range(0, len(body), 64):
            if at not in seen:
                seen.append(at)


@fails("MP-COST-004")
class SearchesByARegularExpression(ReadsTheBody):
    """It is one call, which tries to match from every byte to the end."""

    ending = re.compile(rb"(?:.{2048})*?no such thing", re.DOTALL)

    def read(self, body):
        self.ending.search(body)


def searches(data):
    for at in range(len(data)):
        data[at:].find(data[:0] + data[-1:] * 4)


@fails("MP-COST-002", "MP-COST-003", "MP-COST-004")
class SearchesTheRestFromEveryByteOfAText(MemoCodec):
    """Headers are lines of text, in which nearly every byte can be repeated and read."""

    def read_lines(self, message):
        searches(message)
        return super().read_lines(message)


@fails("MP-COST-008")
class SearchesTheTextThatItReports(AwesomeRpcCodec):
    def on_error(self, request, error):
        searches(error.message)
        return super().on_error(request, error)


@fails("MP-COST-008")
class SearchesTheNamesOfTheRequestThatItAnswers(AwesomeRpcCodec):
    """Only time shows it."""

    def on_error(self, request, error):
        names = list(request.properties)
        for name in names:
            names.index(name)
        return super().on_error(request, error)


@fails("MP-COST-008")
class SearchesTheHeartbeatThatItAnswers(AwesomeRpcCodec):
    def heartbeat_reply(self, request):
        searches("".join(request.properties))
        return super().heartbeat_reply(request)


@fails("MP-COST-009")
class SearchesTheResponseThatItCompletes(AwesomeRpcCodec):
    def complete(self, response):
        searches(response.message)


@fails("MP-COST-009")
class SearchesTheResponseForItsReason(AwesomeRpcCodec):
    def error_type(self, response):
        searches(response.message)
        return super().error_type(response)


@fails("MP-COST-009")
class SearchesTheMessageThatItShows(AwesomeRpcCodec):
    def spans(self, metadata):
        searches(metadata.message)
        return super().spans(metadata)


class ListsWhatWaits(AwesomeRpcCodec):
    """Not a mutant: those below look for an id in the list."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def for_connection(self):
        return type(self)()

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if direction is Direction.TO_CLIENT:
            self.forget(metadata.request_id)
        elif metadata.expects_reply:
            self.waiting.append(metadata.request_id)
        return metadata

    def on_error(self, request, error):
        self.forget(request.request_id)
        return super().on_error(request, error)

    def heartbeat_reply(self, request):
        self.forget(request.request_id)
        return super().heartbeat_reply(request)


@fails("MP-COST-010")
class LooksThroughAllThatWaits(ListsWhatWaits):
    """Only where the last request is answered first."""

    def forget(self, number):
        for at, waiting in enumerate(self.waiting):
            if waiting == number:
                del self.waiting[at]
                break


@fails("MP-COST-006")
class BuildsAListOfThePayload(AwesomeRpcCodec):
    def decode(self, message, direction):
        list(message) * 4
        return super().decode(message, direction)


@fails("MP-COST-007")
class RemembersEveryRequest(AwesomeRpcCodec):
    def __init__(self):
        super().__init__()
        self.requests = {}

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        self.requests[metadata.request_id] = metadata
        return metadata
