"""Codecs with one fault in `encode`."""

from mutants.mutant import Mutant, collect

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import HEADER
from metaprotocol_codecs.awesomerpc.headers import read_headers, write_header
from metaprotocol_sdk import EncodeError, Metadata, Mutation, UnsupportedMutation

CHANGES: list[Mutant] = []
fails = collect(CHANGES)


def with_headers(metadata: Metadata, headers: dict[str, str], body: bytes) -> bytes:
    """Return a message with other headers and another body, soundly framed."""
    block = b"".join(write_header(key, value) for key, value in headers.items())
    sizes = {"length": HEADER.size + len(block) + len(body), "headers_length": len(block)}
    return HEADER.build(HEADER.parse(metadata.message) | sizes) + block + body


def headers_of(metadata: Metadata) -> dict[str, str]:
    entries = read_headers(metadata.message, HEADER.size, metadata.header_size)
    return {key: value for key, value, _, _ in entries}


def write_headers(headers: dict[str, str]) -> bytes:
    return b"".join(write_header(key, value) for key, value in headers.items())


def body_of(metadata: Metadata) -> bytes:
    return metadata.message[metadata.header_size :]


@fails("MP-IDENTITY-001", "MP-CONNECTION-002")
class BuildsEveryMessageAnew(AwesomeRpcCodec):
    """It writes the headers the other way round."""

    def encode(self, metadata, mutation, request_id=None):
        if mutation or request_id is not None or metadata.error:
            return super().encode(metadata, mutation, request_id)
        return with_headers(metadata, dict(reversed(headers_of(metadata).items())), body_of(metadata))


@fails("MP-IDENTITY-002", "MP-ID-001")
class ResetsTheStatusWithTheId(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        return message if request_id is None else message[:14] + bytes(2) + message[16:]


@fails("MP-IDENTITY-003")
class UsesTheMutationUp(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        mutation.clear()
        return message


@fails("MP-IDENTITY-003")
class ChangesTheMetadata(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        metadata.properties.update({key: value for key, value in mutation.items() if value is not None})
        return message


@fails("MP-ID-001", "MP-ID-002")
class LosesTheId(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, mutation)


@fails("MP-IDENTITY-002", "MP-ID-001")
class WritesTheIdBackwards(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        return message if request_id is None else message[:4] + request_id.to_bytes(4, "little") + message[8:]


@fails("MP-ID-002")
class LetsTheIdWrap(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, mutation, None if request_id is None else request_id & 0xFFFFFFFF)


@fails("MP-ID-003")
class CannotChangeIds(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if request_id not in (None, metadata.request_id):
            raise UnsupportedMutation("the id is what it is")
        return super().encode(metadata, mutation)


@fails("MP-MUTATION-001", "MP-TEXT-001", "MP-CLAIM-001", "MP-CLAIM-002", "MP-AFTERMATH-003")
class DropsTheMutation(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, Mutation(), request_id)


@fails("MP-MUTATION-001", "MP-TEXT-001")
class PretendsToChangeAField(AwesomeRpcCodec):
    """It writes a header `cmd`, which decode rightly ignores."""

    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, Mutation({k: v for k, v in mutation.items() if k != "cmd"}), request_id)


@fails("MP-MUTATION-001", "MP-MUTATION-006", "MP-MUTATION-007", "MP-MUTATION-008")
class EmptiesWhatItShouldRemove(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, Mutation({key: value or "" for key, value in mutation.items()}), request_id)


@fails("MP-MUTATION-002", "MP-MUTATION-006", "MP-MUTATION-007", "MP-MUTATION-008")
class MakesChangedRequestsOneway(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        return message[:3] + b"\x02" + message[4:] if mutation and message[3] == 0 else message


@fails("MP-MUTATION-003", "MP-MUTATION-006", "MP-MUTATION-007", "MP-MUTATION-008")
class LosesTheOtherHeaders(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        rest = dict.fromkeys(metadata.properties.keys() - mutation.keys() - {"cmd", "service"})
        return super().encode(metadata, Mutation({**rest, **mutation}) if mutation else mutation, request_id)


@fails("MP-MUTATION-004", "MP-MUTATION-008", "MP-MUTATION-009")
class LosesThePayload(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        if not mutation or message == metadata.message or not metadata.body_size:
            return message
        size = len(message) - metadata.body_size
        return message[:8] + size.to_bytes(4) + message[12:size]


@fails("MP-MUTATION-004", "MP-MUTATION-008")
class PadsThePayload(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        if message[12:] == metadata.message[12:]:
            return message
        return message[:8] + (len(message) + 1).to_bytes(4) + message[12:] + b"\0"


@fails("MP-MUTATION-003", "MP-MUTATION-005", "MP-MUTATION-006", "MP-MUTATION-007", "MP-MUTATION-008")
class AddsTheValueAgain(AwesomeRpcCodec):
    """It marks a message that it has changed, each time anew."""

    def encode(self, metadata, mutation, request_id=None):
        marks = {f"seen-{len(metadata.properties)}": ""} if any(mutation.values()) else {}
        return super().encode(metadata, Mutation({**mutation, **marks}), request_id)


@fails("MP-MUTATION-006")
class RewritesWhatIsSo(AwesomeRpcCodec):
    """It moves the keys of the mutation to the end, whether they change or not."""

    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        if not mutation or metadata.error:
            return message
        again = self.decode(message, None)
        headers = headers_of(again)
        last = {key: headers.pop(key) for key in mutation if key in headers}
        return with_headers(again, {**headers, **last}, body_of(again))


@fails("MP-MUTATION-007", "MP-MUTATION-008")
class LeavesAMarkBehind(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        removes = mutation and any(value is None and key in metadata.properties for key, value in mutation.items())
        return super().encode(metadata, Mutation({**mutation, "removed": "yes"}) if removes else mutation, request_id)


@fails("MP-MUTATION-008")
class SortsTheHeadersWhenItChangesThem(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        if not mutation or message[12:] == metadata.message[12:]:
            return message
        again = self.decode(message, None)
        return with_headers(again, dict(sorted(headers_of(again).items(), reverse=True)), body_of(again))


@fails("MP-MUTATION-009")
class ForgetsTheIdWhenItChangesHeaders(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, mutation, None if mutation else request_id)


@fails("MP-MUTATION-011")
class RefusesWithTheErrorOfIds(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        try:
            return super().encode(metadata, mutation, request_id)
        except UnsupportedMutation as error:
            raise EncodeError(str(error)) from None


@fails("MP-MUTATION-010", "MP-TEXT-001")
class KeepsTheOldLength(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        return message[:8] + metadata.message[8:12] + message[12:]


@fails("MP-TEXT-001")
class LeaksAnEncodingError(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        for key, value in mutation.items():
            f"{key}{value}".encode()
        return super().encode(metadata, mutation, request_id)


@fails("MP-MUTATION-001", "MP-TEXT-001")
class CutsLongValues(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        return super().encode(metadata, Mutation({k: v and v[:1_000] for k, v in mutation.items()}), request_id)


@fails("MP-CLAIM-001")
class ClaimsToChangeRequests(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if mutation and metadata.message_type in ("request", "oneway"):
            raise UnsupportedMutation("requests stay as they are")
        return super().encode(metadata, mutation, request_id)


@fails("MP-CLAIM-002")
class ClaimsToChangeResponses(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if mutation and metadata.message_type in ("response", "exception"):
            raise UnsupportedMutation("responses stay as they are")
        return super().encode(metadata, mutation, request_id)


@fails("MP-AFTERMATH-003")
class ChangesWhatItCannotRead(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if mutation and metadata.error:
            return super().encode(metadata, Mutation(), request_id)
        return super().encode(metadata, mutation, request_id)


@fails("MP-AFTERMATH-002", "MP-AFTERMATH-003")
class RefusesToForwardWhatItCannotRead(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        if metadata.error:
            return b""
        return super().encode(metadata, mutation, request_id)


@fails("MP-COST-003")
class SearchesAllHeadersForEachHeader(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        message = super().encode(metadata, mutation, request_id)
        if mutation and not metadata.error:
            keys = list(metadata.properties)
            sum(one == other for one in keys for other in keys)
        return message
