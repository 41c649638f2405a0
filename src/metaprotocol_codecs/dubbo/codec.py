"""The codec of Dubbo 2, as Apache Dubbo 2.6, 2.7 and 3 speak it over TCP."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from metaprotocol_codecs.dubbo import header
from metaprotocol_codecs.dubbo.encode import edits_for, rewrite
from metaprotocol_codecs.dubbo.examples import examples
from metaprotocol_codecs.dubbo.fastjson2 import (
    FASTJSON2,
    NOT_PLAIN,
    read_fastjson2_request,
    read_fastjson2_response,
    read_fastjson2_text,
)
from metaprotocol_codecs.dubbo.header import (
    ERRORS,
    EVENT,
    HESSIAN2,
    REQUEST,
    SERIALIZATION,
    TWO_WAY,
    error_reply,
)
from metaprotocol_codecs.dubbo.other_serializations import read_foreign
from metaprotocol_codecs.dubbo.request import LONGEST_ASCII, read_ascii_request, read_request
from metaprotocol_codecs.dubbo.response import read_response
from metaprotocol_codecs.dubbo.spans import message_spans
from metaprotocol_codecs.hessian2 import read_error_text, read_string
from metaprotocol_sdk import (
    Capability,
    Codec,
    Direction,
    Error,
    ErrorType,
    LengthField,
    Limits,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
    Span,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_codecs.dubbo.attachments import AttachmentsSpan
    from metaprotocol_codecs.dubbo.fastjson2 import Fastjson2Span

# A class's attribute takes longer to look up than a module's name.
_REQUEST, _ONEWAY, _RESPONSE = MessageType.REQUEST, MessageType.ONEWAY, MessageType.RESPONSE
_OK = Status.OK

# Flags, status and request id; the framing has checked the rest.
_read_header = Struct(">2xBBQ").unpack_from
_HEADER_SIZE = header.LAYOUT.size
_EVENTS = {None: "HEARTBEAT", "": "HEARTBEAT", "R": "READONLY", "W": "WRITEABLE"}
# No serialization takes more bytes for null; what is longer is not a heartbeat of Dubbo.
_LONGEST_NULL = 256


class DubboCodec(Codec):
    """Reads and rewrites Dubbo messages.

    The body is read where its serialization is hessian2; of fastjson2 the strings of a
    request and all attachments; of fastjson and protobuf the strings and attachments of a request; of the others the
    header's metadata is known.

    Properties of a request are `interface`, `version` and `group` as the provider will dispatch (the attachments
    `path`, `version` and `group` win over the body), `method`, `parameter_types` and `dubbo` (the protocol version)
    from the body, `body_path` where the body's path differs from `interface`, `generic_method` for `$invoke` and
    `$invokeAsync`, and every string attachment whose name is none of these. Properties of a response are its string
    attachments, `exception` (the class of a business exception) and `error` (the text of a status other than 20).

    A mutation sets and removes attachments.
    """

    name = "dubbo"
    service_property = "interface"
    framing = LengthField(offset=12, length=4, magic=header.MAGIC)
    layout = header.LAYOUT
    capabilities = frozenset(
        {
            Capability.REQUEST_MUTATION,
            Capability.RESPONSE_MUTATION,
            Capability.HEARTBEAT,
            Capability.ONEWAY,
        }
    )

    _longest_ascii = LONGEST_ASCII

    def __init__(self, *, limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        # No limit can refuse a request this short; an attachment takes two bytes.
        self._longest_ascii = min(
            LONGEST_ASCII, self.limits.max_key_length, self.limits.max_value_length, 2 * self.limits.max_elements
        )

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if len(message) < _HEADER_SIZE:
            header.LAYOUT.unpack(message)  # says what is missing
        flags, status, request_id = _read_header(message)
        if flags & (REQUEST | EVENT) == REQUEST:
            return self._decode_request(message, flags, request_id)
        if flags & REQUEST:
            return self._decode_event(message, flags, request_id)
        return self._decode_response(message, flags, status, request_id)

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        edits = edits_for(metadata, mutation, self.limits) if mutation else []
        if not edits and request_id is None:
            return metadata.message
        return rewrite(metadata.message, edits, request_id, self.limits)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return error_reply(request.request_id, error) if request.expects_reply else b""

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ERRORS.error_type(response.status_code) if response.status is Status.ERROR else None

    def heartbeat_reply(self, request: Metadata) -> bytes | None:
        if request.state is None:
            return None
        serialization, null = request.state
        return header.heartbeat_reply(request.request_id, serialization, null)

    def spans(self, metadata: Metadata) -> list[Span]:
        return message_spans(metadata, self.limits)

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        return examples()

    def _decode_request(self, message: bytes, flags: int, request_id: int) -> Metadata:
        two_way = flags & TWO_WAY != 0
        message_type = _REQUEST if two_way else _ONEWAY
        span: AttachmentsSpan | Fastjson2Span | None = None
        error = None
        if flags & SERIALIZATION == HESSIAN2:
            try:
                properties, span, unclear = read_ascii_request(
                    message, _HEADER_SIZE, self._longest_ascii
                ) or read_request(message, _HEADER_SIZE, self.limits)
            except ProtocolError as problem:
                properties, unclear, error = {}, "", problem
        elif flags & SERIALIZATION == FASTJSON2:
            properties, span, unclear = read_fastjson2_request(message, _HEADER_SIZE, self.limits)
        else:
            properties, unclear = read_foreign(message, _HEADER_SIZE, flags & SERIALIZATION, self.limits)
        try:  # nearly every request has both
            operation = f"{properties['interface']}/{properties['method']}"
        except KeyError:
            operation = (
                f"{properties.get('interface', '')}/{properties.get('method', '')}" if properties or span else ""
            )
        metadata = Metadata(
            message,
            message_type,
            request_id,
            operation,
            _OK,
            properties,
            _HEADER_SIZE,
            None,
            two_way,
            None,
            None,
            error,
            span,
        )
        if unclear:
            metadata.incomplete = unclear
        return metadata

    def _decode_event(self, message: bytes, flags: int, request_id: int) -> Metadata:
        two_way = flags & TWO_WAY != 0
        message_type = MessageType.HEARTBEAT if two_way else MessageType.EVENT
        metadata = Metadata(message, message_type, request_id, "", Status.OK, {}, _HEADER_SIZE, None, two_way)
        serialization = flags & SERIALIZATION
        if two_way:
            if serialization == HESSIAN2:
                metadata.state = (serialization, b"N")
            elif metadata.body_size <= _LONGEST_NULL:
                metadata.state = (serialization, message[_HEADER_SIZE:])
        elif serialization == HESSIAN2 and metadata.body_size:
            try:
                event = read_string(message, _HEADER_SIZE)[0]
            except ProtocolError as error:
                metadata.error = error
                return metadata
            metadata.properties["event"] = _EVENTS.get(event) or str(event)
        elif serialization != HESSIAN2:
            metadata.incomplete = header.not_read(flags)
        return metadata

    def _decode_response(self, message: bytes, flags: int, status: int, request_id: int) -> Metadata:
        message_type, outcome = _RESPONSE, _OK
        if flags & EVENT:
            message_type = MessageType.HEARTBEAT
        elif status != header.OK:
            message_type, outcome = MessageType.EXCEPTION, Status.ERROR
        metadata = Metadata(message, message_type, request_id, "", outcome, {}, _HEADER_SIZE, status, False)
        if flags & EVENT:
            return metadata
        if flags & SERIALIZATION != HESSIAN2:
            if flags & SERIALIZATION == FASTJSON2:
                return self._decode_fastjson2_response(metadata)
            metadata.incomplete = header.not_read(flags)
            return metadata
        try:
            if status == header.OK:
                result, metadata.properties, metadata.incomplete = read_response(message, _HEADER_SIZE, self.limits)
                metadata.state = result.span
                if result.is_exception:
                    metadata.message_type = MessageType.EXCEPTION
            else:
                text = read_error_text(message, _HEADER_SIZE)[0]
                if text is not None:
                    metadata.properties["error"] = text
        except ProtocolError as error:
            metadata.error = error
        return metadata

    def _decode_fastjson2_response(self, metadata: Metadata) -> Metadata:
        message = metadata.message
        if metadata.status is not _OK:
            text = read_fastjson2_text(message, _HEADER_SIZE)
            if text is None:
                metadata.incomplete = NOT_PLAIN
            else:
                metadata.properties["error"] = text
            return metadata
        found = read_fastjson2_response(message, _HEADER_SIZE, self.limits)
        metadata.properties, metadata.state, is_exception, metadata.incomplete = found
        if is_exception:
            metadata.message_type = MessageType.EXCEPTION
        return metadata
