"""Codecs whose work grows faster than a message: in Python, or hidden inside calls. They do it to the body only."""

import re

from mutants.mutant import Mutant, collect

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec

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
