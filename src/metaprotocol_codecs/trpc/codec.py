"""The codec of tRPC: unary calls, and streams. A page of the docs describes the bytes."""

from collections.abc import Iterable
from typing import Any

from metaprotocol_codecs.trpc.frames import (
    CLOSE,
    DATA,
    FEEDBACK,
    HEADER,
    INIT,
    ONEWAY,
    REQUEST_PROTOCOL,
    RESET,
    RESPONSE_PROTOCOL,
    STREAM,
    STREAM_METAS,
    UNARY,
    build,
)
from metaprotocol_sdk import (
    Capability,
    DecodeError,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    LengthField,
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
from metaprotocol_sdk.entries import decode_text
from metaprotocol_sdk.error_codes import ErrorCodes

ERRORS = ErrorCodes(
    {
        ErrorType.BAD_REQUEST: 1,  # TRPC_SERVER_DECODE_ERR
        ErrorType.ROUTE_NOT_FOUND: 11,  # TRPC_SERVER_NOSERVICE_ERR
        ErrorType.CLUSTER_NOT_FOUND: 11,
        ErrorType.TIMEOUT: 21,  # TRPC_SERVER_TIMEOUT_ERR
        ErrorType.OVERFLOW: 22,  # TRPC_SERVER_OVERLOAD_ERR
        ErrorType.OVER_LIMIT: 23,  # TRPC_SERVER_LIMITED_ERR
        ErrorType.UNAUTHORIZED: 41,  # TRPC_SERVER_AUTH_ERR
        ErrorType.BAD_RESPONSE: 122,  # TRPC_CLIENT_DECODE_ERR
        ErrorType.NO_HEALTHY_UPSTREAM: 131,  # TRPC_CLIENT_ROUTER_ERR
        ErrorType.UPSTREAM_RESET: 141,  # TRPC_CLIENT_NETWORK_ERR
    },
    default=31,  # TRPC_SERVER_SYSTEM_ERR
    minimum=-(2**31),
    maximum=2**31 - 1,
    reasons={
        2: ErrorType.BAD_RESPONSE,  # TRPC_SERVER_ENCODE_ERR
        12: ErrorType.ROUTE_NOT_FOUND,  # TRPC_SERVER_NOFUNC_ERR
        24: ErrorType.TIMEOUT,  # TRPC_SERVER_FULL_LINK_TIMEOUT_ERR
        51: ErrorType.BAD_REQUEST,  # TRPC_SERVER_VALIDATE_ERR
    },
)

_LONGEST_TEXT = 60_000
_REQUEST_FIELDS = ("caller", "callee", "func")
_RESPONSE_FIELDS = ("ret", "func_ret", "error_msg")
# Repeated in the answer, as servers do.
_REPEATED = ("call_type", "message_type", "content_type", "content_encoding")


class TrpcCodec(StreamCodec):
    """Reads and rewrites tRPC messages.

    Properties are the entries of `trans_info`, and the fields `caller`, `callee` and `func` of a request, `ret`,
    `func_ret` and `error_msg` of a response. No entry can replace a field. A mutation sets and removes entries.
    """

    name = "trpc"
    framing = LengthField(offset=4, length=4, adjustment=-8, magic=b"\x09\x30")
    layout = HEADER
    capabilities = frozenset(Capability) - {Capability.HEARTBEAT}
    service_property = "callee"
    max_request_id = 2**32 - 1
    reserved_ids = frozenset({0})  # proto3 does not write it
    max_stream_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if len(message) < HEADER.size:
            raise DecodeError(
                f"the frame has {len(message)} bytes; its header alone has 16", offset=4, field="data_frame_size"
            )
        frame_type, stream_frame_type, _, size, stream_id, version, _ = HEADER.unpack(message)
        if frame_type == STREAM:
            return self._decode_stream(message, direction, stream_frame_type, stream_id, version)
        if frame_type != UNARY:
            raise DecodeError(f"there is no frame type {frame_type}; the last is 1", offset=2, field="data_frame_type")
        answers = direction is Direction.TO_CLIENT
        # Until the protobuf header is read, the id of version 1's frame header has to do.
        metadata = Metadata(message, MessageType.RESPONSE if answers else MessageType.REQUEST, stream_id)
        metadata.state = stream_id, version, {}
        metadata.header_size = HEADER.size
        try:
            if stream_frame_type:
                what = f"a unary frame has the stream frame type {stream_frame_type}"
                raise DecodeError(what, offset=3, field="stream_frame_type")
            end = HEADER.size + size
            if not HEADER.size < end <= len(message):
                what = f"the protobuf header has {size:,} bytes, of {len(message) - HEADER.size:,} that follow"
                raise DecodeError(what, offset=8, field="pb_header_size")
            schema = RESPONSE_PROTOCOL if answers else REQUEST_PROTOCOL
            fields = schema.read(message, HEADER.size, end, self.limits)
            metadata.request_id = fields.get("request_id", 0)
            metadata.state = stream_id, version, fields
            metadata.header_size = end
            attachment = fields.get("attachment_size", 0)
            if attachment > len(message) - end:
                what = f"the attachment has {attachment:,} bytes, of {len(message) - end:,} that follow"
                raise DecodeError(what, offset=HEADER.size, field="attachment_size")
        except ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.trailer_size = attachment
        if answers:
            _read_response(metadata, fields, fields.get("trans_info", {}))
            if metadata.status is Status.ERROR or fields.get("func_ret"):
                metadata.message_type = MessageType.EXCEPTION
        else:
            _read_request(metadata, fields)
            if fields.get("call_type") == ONEWAY:
                metadata.message_type = MessageType.ONEWAY
                metadata.expects_reply = False
        return metadata

    def _decode_stream(
        self, message: bytes, direction: Direction, frame_type: int, stream_id: int, version: int
    ) -> Metadata:
        answers = direction is Direction.TO_CLIENT
        metadata = Metadata(message, MessageType.STREAM_DATA, header_size=HEADER.size, stream_id=stream_id)
        metadata.state = stream_id, version, {}
        if frame_type == DATA:
            return metadata
        if frame_type not in STREAM_METAS:
            what = f"there is no stream frame type {frame_type}; there are 1 to 4"
            raise DecodeError(what, offset=3, field="stream_frame_type")
        metadata.header_size = len(message)
        if frame_type == FEEDBACK:
            metadata.message_type = MessageType.STREAM_FLOW_CONTROL
        elif frame_type == INIT:
            metadata.message_type = MessageType.STREAM_INIT
            metadata.expects_reply = not answers
        elif answers:
            # After its CLOSE a server takes nothing more, and the client does not answer it.
            metadata.message_type = MessageType.STREAM_CLOSE_TWO_WAY
        else:
            metadata.message_type = MessageType.STREAM_CLOSE_ONE_WAY
        try:
            # All of the frame, whatever `pb_header_size` says: nobody reads that of a stream's frame.
            fields = STREAM_METAS[frame_type].read(message, HEADER.size, len(message), self.limits)
            if metadata.expects_reply and "request_meta" not in fields:
                raise DecodeError("the frame names no function to call", offset=HEADER.size, field="request_meta")
        except ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.state = stream_id, version, fields
        if frame_type == CLOSE:
            metadata.status_code = fields.get("ret", 0)
            if fields.get("close_type") == RESET or metadata.status_code:
                metadata.message_type = MessageType.STREAM_CLOSE_TWO_WAY
                metadata.status = Status.ERROR
        elif metadata.expects_reply:
            _read_request(metadata, fields["request_meta"])
        elif frame_type == INIT:
            _read_response(metadata, fields.get("response_meta", {}), {})
        return metadata

    def encode(
        self, metadata: Metadata, mutation: Mutation, request_id: int | None = None, stream_id: int | None = None
    ) -> bytes:
        if request_id is not None and request_id == metadata.request_id:
            request_id = None
        if stream_id is not None and stream_id == metadata.stream_id:
            stream_id = None
        edits: list[Edit] = []
        if stream_id is not None:
            if metadata.stream_id is None:
                raise EncodeError("a unary frame has no stream id")
            edits.append(_id_edit("stream_id", stream_id))
        if request_id is not None and metadata.stream_id is not None:
            raise EncodeError("a frame of a stream has no request id")
        if mutation or request_id is not None:
            edits += self._edits(metadata, mutation, request_id)
        return splice(metadata.message, edits)

    def _edits(self, metadata: Metadata, mutation: Mutation, request_id: int | None) -> list[Edit]:
        if metadata.error:
            raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
        message, end, frame_type = metadata.message, metadata.header_size, metadata.message[3]
        number, version, fields = metadata.state
        # No field of a protobuf header tells a request from a response; their properties do.
        answers = "ret" in metadata.properties
        for key in mutation:
            if key in (_RESPONSE_FIELDS if answers else _REQUEST_FIELDS):
                raise UnsupportedMutation(f"{key} is a field of the message, not an entry of its trans_info")
        changes: dict[str, Any] = {"trans_info": mutation} if mutation else {}
        edits: list[Edit] = []
        if metadata.stream_id is not None:
            if answers or frame_type != INIT:
                raise UnsupportedMutation("only the first frame of a stream to the server has a trans_info")
            schema, changes = STREAM_METAS[INIT], {"request_meta": changes}
        else:
            schema = RESPONSE_PROTOCOL if answers else REQUEST_PROTOCOL
            if request_id is not None:
                # In version 1 it stands in both headers, and clients and servers compare either of them.
                twice = number == metadata.request_id and (number or version)
                if not twice and number == request_id and (number or version):
                    raise EncodeError(f"the id {request_id} stands in the frame's header with another meaning")
                edits += [_id_edit("request_id", request_id)] if twice else []
                changes["request_id"] = request_id if request_id or "request_id" in fields else None
        edits += schema.edits(message, HEADER.size, end, changes, self.limits)
        if metadata.stream_id is None and (more := growth(edits)):
            size = end - HEADER.size + more
            if size > 0xFFFF:
                raise UnsupportedMutation(f"the protobuf header would take {size:,} bytes; at most 65,535 fit")
            edits.append(Edit(8, 10, size.to_bytes(2)))
        if more := growth(edits):
            edits.append(Edit(4, 8, (len(message) + more).to_bytes(4)))
        return edits

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        stream_id, version, fields = request.state
        code, text = ERRORS.code(error), _text(error)
        if request.stream_id is not None:
            values = {name: fields.get(name) for name in ("content_type", "content_encoding")}
            # A window of 0, which is left out, is that of a server without flow control.
            meta = {"response_meta": {"ret": code, "error_msg": text}, **values}
            return build(STREAM_METAS[INIT], meta, frame_type=INIT, stream_id=stream_id, version=version)
        values = {name: fields.get(name) for name in _REPEATED}
        values |= {"request_id": request.request_id, "ret": code, "error_msg": text}
        return build(RESPONSE_PROTOCOL, values, stream_id=stream_id, version=version)

    def end_stream(self, stream: Metadata, error: Error, direction: Direction) -> bytes:
        values = {"close_type": RESET, "ret": ERRORS.code(error), "msg": _text(error)}
        return build(
            STREAM_METAS[CLOSE], values, frame_type=CLOSE, stream_id=stream.stream_id or 0, version=stream.state[1]
        )

    def error_type(self, response: Metadata) -> ErrorType | None:
        # A stream may be reset with the code 0.
        return ERRORS.error_type(response.status_code) or super().error_type(response)

    def spans(self, metadata: Metadata) -> list[Span]:
        if metadata.error:
            return super().spans(metadata)
        message, end = metadata.message, metadata.header_size
        if metadata.stream_id is not None:
            schema = STREAM_METAS.get(message[3])
        else:
            schema = RESPONSE_PROTOCOL if "ret" in metadata.properties else REQUEST_PROTOCOL
        spans = HEADER.spans(message)
        spans += schema.spans(message, HEADER.size, end) if schema else []
        spans += [Span(end, metadata.body_end, "body")] if end < metadata.body_end else []
        return spans + ([Span(metadata.body_end, len(message), "attachment")] if metadata.trailer_size else [])

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        names = {"caller": "trpc.app.client.service", "callee": "trpc.app.greeter.Greeter"}
        call = {"request_id": 1, "timeout": 1000, **names, "func": "/trpc.app.greeter.Greeter/SayHello"}
        call["trans_info"] = {"trpc-env": "test", "user": "Zoë"}
        yield Direction.TO_SERVER, build(REQUEST_PROTOCOL, call, stream_id=1, version=1, body=b"\x0a\x03Ada")
        answer = {"request_id": 1, "trans_info": {"host": "a"}, "attachment_size": 4}
        yield Direction.TO_CLIENT, build(RESPONSE_PROTOCOL, answer, stream_id=1, version=1, body=b"\x0a\x02hifile")
        for number, code in ((2, {"ret": 23}), (3, {"func_ret": 10001})):
            failure = {"request_id": number, **code, "error_msg": b"no"}
            yield Direction.TO_CLIENT, build(RESPONSE_PROTOCOL, failure, stream_id=number, version=1)
        yield Direction.TO_SERVER, build(REQUEST_PROTOCOL, {**call, "request_id": 4, "call_type": ONEWAY})
        meta = {**names, "func": "/trpc.app.greeter.Greeter/Talk", "trans_info": {"user": "Zoë"}}
        metas: list[tuple[Direction, int, dict[str, Any], bytes]] = [
            (Direction.TO_SERVER, INIT, {"request_meta": meta, "init_window_size": 65535}, b""),
            (Direction.TO_CLIENT, INIT, {"response_meta": {}, "init_window_size": 65535}, b""),
            (Direction.TO_SERVER, DATA, {}, b"\x0a\x03Ada"),
            (Direction.TO_CLIENT, FEEDBACK, {"window_size_increment": 16384}, b""),
            (Direction.TO_CLIENT, DATA, {}, b"\x0a\x02hi"),
            (Direction.TO_SERVER, CLOSE, {}, b""),
            (Direction.TO_CLIENT, CLOSE, {}, b""),
            (Direction.TO_CLIENT, CLOSE, {"close_type": RESET, "ret": 31, "msg": b"gone"}, b""),
        ]
        for direction, kind, values, body in metas:
            yield direction, build(STREAM_METAS.get(kind), values, frame_type=kind, stream_id=101, body=body)


def _read_request(metadata: Metadata, fields: dict[str, Any]) -> None:
    func = fields.get("func", "")
    names = {"caller": fields.get("caller", ""), "callee": fields.get("callee", ""), "func": func}
    metadata.properties = {**fields.get("trans_info", {}), **names}
    metadata.operation = func.removeprefix("/") if "/" in func[1:] else f"{names['callee']}/{func}"


def _read_response(metadata: Metadata, fields: dict[str, Any], entries: dict[str, str]) -> None:
    ret = metadata.status_code = fields.get("ret", 0)
    text = decode_text(fields.get("error_msg", b""))
    metadata.properties = {**entries, "ret": str(ret), "func_ret": str(fields.get("func_ret", 0)), "error_msg": text}
    if ret:
        metadata.status = Status.ERROR


def _text(error: Error) -> bytes:
    """Return the text of an error, cut to what fits the protobuf header beside the other fields."""
    return error.message.encode("utf-8", "backslashreplace")[:_LONGEST_TEXT].decode("utf-8", "ignore").encode()


def _id_edit(field: str, number: int) -> Edit:
    """Return the edit of the id in the frame's header."""
    if not 0 <= number <= 0xFFFFFFFF:
        raise EncodeError(f"the {field} {number} does not fit 32 bits")
    return Edit(10, 14, number.to_bytes(4))
