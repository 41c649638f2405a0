"""Codecs with one fault that only hostile bytes find."""

from mutants.mutant import Mutant, collect

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import HEADER
from metaprotocol_sdk import Capability, DecodeError, MessageType, Metadata, UnsupportedMutation

HOSTILE: list[Mutant] = []
fails = collect(HOSTILE)


@fails("MP-HOSTILE-001", "MP-HOSTILE-002", "MP-HOSTILE-003", "MP-HOSTILE-004", "MP-HOSTILE-006")
class AssertsOnWireData(AwesomeRpcCodec):
    def decode(self, message, direction):
        assert len(message) >= 18 + int.from_bytes(message[16:18]), "the headers are cut off"
        return super().decode(message, direction)


@fails("MP-HOSTILE-003")
class LeaksAnIndexError(AwesomeRpcCodec):
    def decode(self, message, direction):
        if 0x81 <= message[3] <= 0xEF and message[12:14] == b"\0\7":
            message[len(message)]
        return super().decode(message, direction)


@fails("MP-HOSTILE-002", "MP-HOSTILE-003", "MP-HOSTILE-004")
class LeaksAStructError(AwesomeRpcCodec):
    def decode(self, message, direction):
        HEADER._unpack(message)
        return super().decode(message, direction)


@fails("MP-TEXT-001", "MP-HOSTILE-001", "MP-HOSTILE-002", "MP-HOSTILE-003", "MP-HOSTILE-004", "MP-HOSTILE-006")
class ReadsTextStrictly(AwesomeRpcCodec):
    """Bytes that are not UTF-8 raise a UnicodeDecodeError, which is a ValueError."""

    def decode(self, message, direction):
        message[18:].decode("utf-8")
        return super().decode(message, direction)


@fails("MP-HOSTILE-005")
class AllocatesWhatIsAnnounced(AwesomeRpcCodec):
    def decode(self, message, direction):
        bytearray(8 * int.from_bytes(message[16:18]))
        return super().decode(message, direction)


@fails("MP-HOSTILE-006")
class Recurses(AwesomeRpcCodec):
    """It takes the payload for nested brackets."""

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        self.depth(message, metadata.header_size)
        return metadata

    def depth(self, message, at):
        return 1 + self.depth(message, at + 1) if message[at : at + 1] in (b"h", b"o") else 0


@fails("MP-HOSTILE-007")
class QuotesTheMessageInErrors(AwesomeRpcCodec):
    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if metadata.error:
            metadata.error = DecodeError(f"{metadata.error}: {message!r}")
        return metadata


@fails("MP-HOSTILE-003", "MP-AFTERMATH-001", "MP-AFTERMATH-002", "MP-AFTERMATH-003", "MP-AFTERMATH-004", ends=False)
class NeverEnds(AwesomeRpcCodec):
    """A type that it does not know is skipped without a step."""

    def decode(self, message, direction):
        at = 3
        while 0x81 <= message[at] <= 0xEF and message[12:14] == b"\0\7":
            at += 0
        return super().decode(message, direction)


@fails("MP-AFTERMATH-001")
class CannotShowWhatItCannotRead(AwesomeRpcCodec):
    def spans(self, metadata):
        spans = super().spans(metadata)
        return spans[:-1] if metadata.error else spans


class Blobs(AwesomeRpcCodec):
    """No mutant: AwesomeRPC whose headers are no part of the header, and are read as a body is.

    So that a body can be bad.
    """

    capabilities = frozenset({Capability.HEARTBEAT, Capability.ONEWAY})

    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        metadata.header_size = 18
        return metadata

    def encode(self, metadata, mutation, request_id=None):
        if mutation:
            raise UnsupportedMutation("it is only for reading")
        return super().encode(metadata, mutation, request_id)

    def spans(self, metadata):
        spans = HEADER.spans(metadata.message)
        return [*spans, *super(AwesomeRpcCodec, self).spans(metadata)[len(spans) :]]


@fails("MP-AFTERMATH-005")
class ForgetsTheIdOfWhatItCannotRead(Blobs):
    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if metadata.error:
            return Metadata(message, MessageType.REQUEST, 0, expects_reply=False, error=metadata.error)
        return metadata


@fails("MP-AFTERMATH-005")
class ForgetsTheIdOfBadHeaders(AwesomeRpcCodec):
    def decode(self, message, direction):
        metadata = super().decode(message, direction)
        if metadata.error:
            raise metadata.error
        return metadata
