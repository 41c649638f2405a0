"""The codec of bRPC: baidu_std and its streams. A page of the docs describes the bytes."""

from collections.abc import Iterable
from typing import Any, Self

from metaprotocol_codecs.brpc.frames import (
    CLOSE,
    DATA,
    FEEDBACK,
    HEADER_SIZE,
    HEADERS,
    RESET,
    RPC_MAGIC,
    RPC_META,
    STREAM_MAGIC,
    STREAM_META,
    build,
)
from metaprotocol_sdk import (
    Capability,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Layout,
    LengthField,
    Limits,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Span,
    Status,
    StreamCodec,
    UnsupportedMutation,
)
from metaprotocol_sdk.edits import Edit, growth, splice
from metaprotocol_sdk.error_codes import ErrorCodes

ERRORS = ErrorCodes(
    {
        ErrorType.NO_HEALTHY_UPSTREAM: 112,  # EHOSTDOWN
        ErrorType.ROUTE_NOT_FOUND: 1001,  # ENOSERVICE
        ErrorType.CLUSTER_NOT_FOUND: 1001,
        ErrorType.BAD_REQUEST: 1003,  # EREQUEST
        ErrorType.UNAUTHORIZED: 1004,  # ERPCAUTH
        ErrorType.TIMEOUT: 1008,  # ERPCTIMEDOUT
        ErrorType.UPSTREAM_RESET: 1009,  # EFAILEDSOCKET
        ErrorType.OVERFLOW: 1011,  # EOVERCROWDED
        ErrorType.BAD_RESPONSE: 2002,  # ERESPONSE
        ErrorType.OVER_LIMIT: 2004,  # ELIMIT
    },
    default=2001,  # EINTERNAL
    minimum=-(2**31),
    maximum=2**31 - 1,
    reasons={1002: ErrorType.ROUTE_NOT_FOUND, 2003: ErrorType.NO_HEALTHY_UPSTREAM},  # ENOMETHOD, ELOGOFF
)
STREAM_TYPES = {
    RESET: MessageType.STREAM_CLOSE_TWO_WAY,
    CLOSE: MessageType.STREAM_CLOSE_TWO_WAY,
    DATA: MessageType.STREAM_DATA,
    FEEDBACK: MessageType.STREAM_FLOW_CONTROL,
}
_REQUEST_FIELDS = ("service", "method")
_RESPONSE_FIELDS = ("error_code", "error_text")


class BrpcCodec(StreamCodec):
    """Reads and rewrites messages of bRPC's own protocol, baidu_std, and of its streams.

    Properties are the entries of `user_fields`, and `service` and `method` of a request, `error_code` and `error_text`
    of a response. No entry can replace these. A mutation sets and removes entries.

    Args:
        limits: As for every codec.
    """

    name = "brpc"
    framing = LengthField(offset=4, length=4, adjustment=4, magic=(RPC_MAGIC, STREAM_MAGIC))
    layout = HEADERS[RPC_MAGIC]
    capabilities = frozenset({Capability.REQUEST_MUTATION, Capability.RESPONSE_MUTATION, Capability.STREAMS})
    service_property = "service"

    def __init__(self, *, limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        # The client's ids of streams that the server has not answered, by the correlation id: the answer names the
        # server's id alone.
        self._opening: dict[int, int] = {}

    def for_connection(self) -> Self:
        return type(self)(limits=self.limits)

    def layout_of(self, message: bytes) -> Layout | None:
        return HEADERS.get(message[:4], self.layout)

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if len(message) < HEADER_SIZE:
            raise DecodeError(
                f"the frame has {len(message)} bytes; its header alone has 12", offset=4, field="body_size"
            )
        end = HEADER_SIZE + int.from_bytes(message[8:12])
        if end > len(message):
            what = f"the meta has {end - HEADER_SIZE:,} bytes, of {len(message) - HEADER_SIZE:,} that follow"
            raise DecodeError(what, offset=8, field="meta_size")
        if message.startswith(STREAM_MAGIC):
            return self._decode_stream(message, direction, end)
        answers = direction is Direction.TO_CLIENT
        fields = RPC_META.read(message, HEADER_SIZE, end, self.limits)
        request_id = fields.get("correlation_id", 0)
        metadata = Metadata(message, MessageType.RESPONSE if answers else MessageType.REQUEST, request_id)
        metadata.header_size = end
        metadata.state = fields
        attachment = fields.get("attachment_size", 0)
        try:
            if not 0 <= attachment <= len(message) - end:
                what = f"the attachment has {attachment:,} bytes, of {len(message) - end:,} that follow"
                raise DecodeError(what, offset=HEADER_SIZE, field="attachment_size")
            if not answers and "request" not in fields:
                raise DecodeError("the meta has no request", offset=HEADER_SIZE, field="request")
        except ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.trailer_size = attachment
        entries = fields.get("user_fields", {})
        if answers:
            self._read_response(metadata, fields, entries)
        else:
            self._read_request(metadata, fields, entries)
        return metadata

    def _read_request(self, metadata: Metadata, fields: dict[str, Any], entries: dict[str, str]) -> None:
        request = fields["request"]
        service, method = request.get("service_name", ""), request.get("method_name", "")
        metadata.properties = {**entries, "service": service, "method": method}
        metadata.operation = f"{service}/{method}"
        if "stream_settings" in fields:
            metadata.message_type = MessageType.STREAM_INIT
            metadata.expects_reply = True
            self._opening[metadata.request_id] = stream_id = fields["stream_settings"].get("stream_id", 0)
            metadata.stream_id = stream_id

    def _read_response(self, metadata: Metadata, fields: dict[str, Any], entries: dict[str, str]) -> None:
        response = fields.get("response", {})
        code = metadata.status_code = response.get("error_code", 0)
        metadata.properties = {**entries, "error_code": str(code), "error_text": response.get("error_text", "")}
        metadata.stream_id = self._opening.pop(metadata.request_id, None)
        if code:
            metadata.message_type = MessageType.EXCEPTION
            metadata.status = Status.ERROR
        if metadata.stream_id is not None:
            # A call may be answered, and its stream not accepted: then that is over.
            accepted = code or "stream_settings" in fields
            metadata.message_type = MessageType.STREAM_INIT if accepted else MessageType.STREAM_CLOSE_TWO_WAY

    def _decode_stream(self, message: bytes, direction: Direction, end: int) -> Metadata:
        fields = STREAM_META.read(message, HEADER_SIZE, end, self.limits)
        kind = STREAM_TYPES.get(fields.get("frame_type", 0))
        if kind is None:
            what = f"there is no frame type {fields.get('frame_type', 0)}; there are 1 to 4"
            raise DecodeError(what, offset=HEADER_SIZE, field="frame_type")
        # Each side has an id of its own. A frame names its receiver's, and then its sender's; the client's counts here.
        ids = fields.get("stream_id", 0), fields.get("source_stream_id", 0)
        own, peer = ids if direction is Direction.TO_CLIENT else ids[::-1]
        metadata = Metadata(message, kind, header_size=end, stream_id=own, state=peer)
        if fields["frame_type"] == RESET:
            metadata.status = Status.ERROR
        return metadata

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        if stream_id is not None and stream_id != metadata.stream_id:
            raise EncodeError("the ids of a stream stay: the other side has noted them")
        if request_id == metadata.request_id:
            request_id = None
        if not mutation and request_id is None:
            return metadata.message
        if metadata.error:
            raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
        message, end = metadata.message, metadata.header_size
        if request_id is not None and metadata.stream_id is not None:
            raise EncodeError(
                "the correlation id of a call that opens a stream stays, and other frames of it have none"
            )
        if message.startswith(STREAM_MAGIC):
            raise UnsupportedMutation("a frame of a stream has no user_fields")
        refused = _RESPONSE_FIELDS if "error_code" in metadata.properties else _REQUEST_FIELDS
        for key in mutation:
            if key in refused:
                raise UnsupportedMutation(f"{key} is a field of the message, not an entry of its user_fields")
        changes: dict[str, Any] = {"user_fields": mutation} if mutation else {}
        if request_id is not None:
            if not 0 <= request_id <= self.max_request_id:
                raise EncodeError(f"the correlation id {request_id} does not fit 64 bits")
            changes["correlation_id"] = request_id if request_id or "correlation_id" in metadata.state else None
        edits = RPC_META.edits(message, HEADER_SIZE, end, changes, self.limits)
        if more := growth(edits):
            body_size = len(message) - HEADER_SIZE + more
            if body_size > 0xFFFFFFFF:
                raise UnsupportedMutation(f"the frame would take {body_size:,} bytes; at most 4,294,967,295 fit")
            edits.append(Edit(4, 12, body_size.to_bytes(4) + (end - HEADER_SIZE + more).to_bytes(4)))
        return splice(message, edits)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        text = error.message.encode("utf-8", "backslashreplace").decode()
        response = {"error_code": ERRORS.code(error), "error_text": text}
        return build({"response": response, "correlation_id": request.request_id})

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        # The server's id is unknown before its first frame: then the end of its connection has to tell it.
        own, peer = stream.stream_id or 0, stream.state if isinstance(stream.state, int) else 0
        ids = (own, peer) if direction is Direction.TO_CLIENT else (peer, own)
        return build({"stream_id": ids[0], "source_stream_id": ids[1], "frame_type": RESET}, magic=STREAM_MAGIC)

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ERRORS.error_type(response.status_code) or super().error_type(response)

    def spans(self, metadata: Metadata) -> list[Span]:
        if metadata.error:
            return super().spans(metadata)
        message, end = metadata.message, metadata.header_size
        stream = message.startswith(STREAM_MAGIC)
        spans = HEADERS[message[:4]].spans(message)
        spans += (STREAM_META if stream else RPC_META).spans(message, HEADER_SIZE, end)
        spans += [Span(end, metadata.body_end, "body")] if end < metadata.body_end else []
        return spans + ([Span(metadata.body_end, len(message), "attachment")] if metadata.trailer_size else [])

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        call = {"service_name": "example.EchoService", "method_name": "Echo", "log_id": 7}
        entries = {"user_fields": {"user": "Zoë"}}
        up, down = Direction.TO_SERVER, Direction.TO_CLIENT
        yield up, build({"request": call, "correlation_id": 1, "attachment_size": 4, **entries}, b"\x0a\x02hifile")
        yield down, build({"response": {}, "compress_type": 0, "correlation_id": 1, **entries}, b"\x0a\x02hi")
        yield up, build({"request": call, "correlation_id": 2}, b"\x0a\x02hi")
        yield down, build({"response": {"error_code": 2004, "error_text": "slow down"}, "correlation_id": 2})
        settings = {"stream_id": 31, "need_feedback": True, "writable": True}
        yield up, build({"request": call, "correlation_id": 3, "stream_settings": settings}, b"\x0a\x02hi")
        yield down, build({"response": {}, "correlation_id": 3, "stream_settings": {**settings, "stream_id": 47}})
        for direction, kind, body in (
            (up, DATA, b"hello"),
            (down, FEEDBACK, b""),
            (down, DATA, b"hello"),
            (up, CLOSE, b""),
        ):
            ids = (
                {"stream_id": 47, "source_stream_id": 31}
                if direction is up
                else {"stream_id": 31, "source_stream_id": 47}
            )
            more = {"feedback": {"consumed_size": 5}} if kind == FEEDBACK else {}
            yield direction, build({**ids, "frame_type": kind, **more}, body, magic=STREAM_MAGIC)
        yield down, build({"stream_id": 31, "source_stream_id": 47, "frame_type": RESET}, magic=STREAM_MAGIC)
