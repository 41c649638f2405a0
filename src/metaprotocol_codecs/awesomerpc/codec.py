"""AwesomeRPC, the teaching protocol: the codec that people copy. A page of the docs describes its bytes."""

from collections.abc import Iterable, Mapping

from construct import Const, Enum, Int8ub, Int16ub, Int32ub, Struct

from metaprotocol_codecs.awesomerpc.headers import read_headers, write_header
from metaprotocol_sdk import (
    Capability,
    Codec,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Span,
    Status,
    UnsupportedMutation,
)
from metaprotocol_sdk.edits import Edit, growth, splice
from metaprotocol_sdk.entries import mutate_entries, read_properties
from metaprotocol_sdk.error_codes import ErrorCodes

REQUEST, RESPONSE, ONEWAY, HEARTBEAT, HEARTBEAT_RESPONSE = range(5)
TYPES = (MessageType.REQUEST, MessageType.RESPONSE, MessageType.ONEWAY, MessageType.HEARTBEAT, MessageType.HEARTBEAT)
STATUSES = {"ok": 0, "no_route": 1, "no_healthy_upstream": 2, "over_limit": 3, "timeout": 4}
STATUSES |= {"bad_request": 5, "bad_response": 6, "unauthorized": 7, "other": 255}
ERRORS = ErrorCodes(
    {
        ErrorType.ROUTE_NOT_FOUND: STATUSES["no_route"],
        ErrorType.CLUSTER_NOT_FOUND: STATUSES["no_route"],
        ErrorType.NO_HEALTHY_UPSTREAM: STATUSES["no_healthy_upstream"],
        ErrorType.OVER_LIMIT: STATUSES["over_limit"],
        ErrorType.OVERFLOW: STATUSES["over_limit"],
        ErrorType.TIMEOUT: STATUSES["timeout"],
        ErrorType.BAD_REQUEST: STATUSES["bad_request"],
        ErrorType.BAD_RESPONSE: STATUSES["bad_response"],
        ErrorType.UNAUTHORIZED: STATUSES["unauthorized"],
    },
    default=STATUSES["other"],
    maximum=0xFFFF,
)

HEADER = Layout(
    Struct(
        "magic" / Const(b"AR"),
        "version" / Const(1, Int8ub),
        "type" / Enum(Int8ub, request=0, response=1, oneway=2, heartbeat=3, heartbeat_response=4),
        "request_id" / Int32ub * "a response repeats its request's",
        "length" / Int32ub * "of the whole message, this header included",
        "command" / Int16ub * "which procedure; a response repeats it",
        "status" / Enum(Int16ub, **STATUSES) * "0 in requests",
        "headers_length" / Int16ub * "bytes of the header block that follows",
    )
)


class AwesomeRpcCodec(Codec):
    """Reads and rewrites AwesomeRPC messages, version 1.

    Properties are the headers of the message and `cmd`, its command, which no header can replace. A mutation sets
    and removes headers.
    """

    name = "awesomerpc"
    framing = LengthField(offset=8, length=4, adjustment=-12, magic=b"AR")
    layout = HEADER
    capabilities = frozenset(Capability) - {Capability.STREAMS}
    service_property = "service"
    max_request_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind, request_id, _, command, code, headers_length = HEADER.unpack(message)
        if kind >= len(TYPES):
            raise DecodeError(f"there is no message type {kind}; the last is 4", offset=3, field="type")
        failed = kind == RESPONSE and code != STATUSES["ok"]
        fields = {"cmd": str(command)}
        metadata = Metadata(
            message,
            MessageType.EXCEPTION if failed else TYPES[kind],
            request_id,
            operation=str(command),
            status=Status.ERROR if failed else Status.OK,
            properties=fields,
            header_size=HEADER.size,
            status_code=code if kind == RESPONSE else None,
            expects_reply=kind in (REQUEST, HEARTBEAT),
        )
        block_end = HEADER.size + headers_length
        try:
            headers = read_headers(message, HEADER.size, block_end)
            metadata.properties = read_properties(headers, fields, duplicates="refuse", limits=self.limits)
        except ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.header_size = block_end
        if service := metadata.properties.get("service"):
            metadata.operation = f"{service}/{command}"
        return metadata

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        message, end = metadata.message, metadata.header_size
        edits: list[Edit] = []
        if mutation:
            if metadata.error:
                raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
            headers = read_headers(message, HEADER.size, end)
            edits, _ = mutate_entries(headers, mutation, write_header, end, fields={"cmd"}, limits=self.limits)
            length, headers_length = len(message) + growth(edits), end - HEADER.size + growth(edits)
            if headers_length > 0xFFFF:
                raise UnsupportedMutation(f"the headers would take {headers_length:,} bytes; at most 65,535 fit")
            edits += [Edit(8, 12, length.to_bytes(4)), Edit(16, 18, headers_length.to_bytes(2))]
        if request_id is not None:
            if not 0 <= request_id <= self.max_request_id:
                raise EncodeError(f"the request_id {request_id} does not fit 32 bits")
            edits.append(Edit(4, 8, request_id.to_bytes(4)))
        return splice(message, edits)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        text = error.message.encode("utf-8", "backslashreplace")
        command = int(request.properties["cmd"])
        return self.build(RESPONSE, request.request_id, command, ERRORS.code(error), payload=text)

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ERRORS.error_type(response.status_code)

    def heartbeat_reply(self, request: Metadata) -> bytes:
        return self.build(HEARTBEAT_RESPONSE, request.request_id, int(request.properties["cmd"]))

    def spans(self, metadata: Metadata) -> list[Span]:
        if metadata.error:
            return super().spans(metadata)
        message, start, end = metadata.message, HEADER.size, metadata.header_size
        headers = [Span(i, j, f"headers.{key}", value) for key, value, i, j in read_headers(message, start, end)]
        payload = [Span(end, len(message), "payload")] if end < len(message) else []
        return [*HEADER.spans(message), *headers, *payload]

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        headers = {"service": "Greeter", "user": "Zoë"}
        yield Direction.TO_SERVER, self.build(REQUEST, 1, 7, headers=headers, payload=b"hello")
        yield Direction.TO_CLIENT, self.build(RESPONSE, 1, 7, headers={"host": "a"}, payload=b"hello back")
        yield Direction.TO_CLIENT, self.build(RESPONSE, 2, 7, STATUSES["bad_request"], payload=b"what?")
        yield Direction.TO_SERVER, self.build(ONEWAY, 3, 9)
        yield Direction.TO_SERVER, self.build(HEARTBEAT, 4, 0)
        yield Direction.TO_CLIENT, self.build(HEARTBEAT_RESPONSE, 4, 0)

    def build(
        self,
        kind: int,
        request_id: int,
        command: int,
        status: int = 0,
        headers: Mapping[str, str] = {},
        payload: bytes = b"",
    ) -> bytes:
        """Return a message. Raises EncodeError for a number that its field can't hold."""
        block = b"".join(write_header(key, value) for key, value in headers.items())
        length = HEADER.size + len(block) + len(payload)
        fields = {
            "type": kind,
            "request_id": request_id,
            "length": length,
            "command": command,
            "status": status,
        }
        return HEADER.build(fields, headers_length=len(block)) + block + payload
