"""The codec of SOFA-Bolt, protocols 1 and 2, as SOFARPC for Java and for Node speak it."""

from collections.abc import Iterable
from zlib import crc32

import metaprotocol_sdk as sdk
from metaprotocol_codecs.bolt import wire
from metaprotocol_codecs.bolt.examples import examples
from metaprotocol_codecs.hessian2 import draft
from metaprotocol_sdk import DecodeError, ErrorType, MessageType, Metadata, Status, UnsupportedMutation
from metaprotocol_sdk.edits import growth, splice
from metaprotocol_sdk.entries import decode_text, mutate_entries, read_properties
from metaprotocol_sdk.error_codes import ErrorCodes

CODECS = {wire.HESSIAN2: "hessian2", wire.PROTOBUF: "protobuf", 12: "json"}
# The numbers that MOSN answers with, where it has one.
SERVER_EXCEPTION, BUSY, COMMUNICATION, NO_PROCESSOR, TIMEOUT, CODEC_EXCEPTION, CLOSED = 2, 4, 5, 6, 7, 9, 16
ERRORS = ErrorCodes(
    {
        ErrorType.ROUTE_NOT_FOUND: NO_PROCESSOR,
        ErrorType.CLUSTER_NOT_FOUND: NO_PROCESSOR,
        ErrorType.NO_HEALTHY_UPSTREAM: CLOSED,
        ErrorType.UPSTREAM_RESET: CLOSED,
        ErrorType.OVER_LIMIT: BUSY,
        ErrorType.OVERFLOW: BUSY,
        ErrorType.TIMEOUT: TIMEOUT,
        ErrorType.BAD_REQUEST: CODEC_EXCEPTION,
        ErrorType.BAD_RESPONSE: COMMUNICATION,
    },
    default=SERVER_EXCEPTION,  # the one whose text SOFARPC for Java shows
    maximum=0x7FFF,
    reasons={CLOSED: ErrorType.UPSTREAM_RESET},
)
METHOD, SERVICE, FAILED = "sofa_head_method_name", "sofa_head_target_service", "sofa_head_response_error"
FIELDS = frozenset({"class", "codec", "error", "method", "service", "timeout", METHOD, SERVICE, FAILED})
_TYPES = (MessageType.RESPONSE, MessageType.REQUEST, MessageType.ONEWAY)


class BoltCodec(sdk.Codec):
    """Reads and rewrites Bolt messages.

    Properties are the headers of the message, `class` and `codec`; of a request `service` and `method`, as SOFARPC's
    server dispatches it, and `timeout`; of a response `error`, the text of a failure. A mutation sets and removes
    headers other than those that say the service, the method and the outcome.
    """

    name = "bolt"
    framing = wire.FRAMING
    capabilities = frozenset(sdk.Capability) - {sdk.Capability.STREAMS}
    service_property = "service"
    max_request_id = 2**32 - 1

    def decode(self, message: bytes, direction: sdk.Direction) -> Metadata:
        header = wire.read_header(message)
        end, response, trailer = header.content_end, header.kind == wire.RESPONSE, header.trailer_size
        if len(message) != end + trailer:
            raise DecodeError(f"the message is {len(message)} bytes long, not {end + trailer}", offset=len(message))
        if header.command not in (wire.HEARTBEAT, wire.RPC_RESPONSE if response else wire.RPC_REQUEST):
            raise DecodeError(f"there is no command {header.command} of this type", offset=header.protocol + 1)
        heartbeat = header.command == wire.HEARTBEAT
        metadata = Metadata(
            message,
            MessageType.HEARTBEAT if heartbeat else _TYPES[header.kind],
            header.request_id,
            header_size=header.size,
            expects_reply=header.kind == wire.REQUEST,
            state=header,
            trailer_size=trailer,
        )
        if response:
            metadata.status_code = header.outcome
            metadata.status = Status.ERROR if header.outcome else Status.OK
        try:
            if trailer and crc32(message[:end]).to_bytes(wire.CRC_SIZE) != message[end:]:
                raise DecodeError("the CRC does not fit the message", offset=end, field="crc")
            entries = wire.read_headers(message, header.class_end, header.headers_end)
            headers = read_properties(entries, limits=self.limits)
        except sdk.ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.header_size = header.headers_end
        name = message[header.size : header.class_end]
        fields = {"class": decode_text(name)} if name else {}
        fields["codec"] = CODECS.get(header.codec, str(header.codec))
        if not response:
            sofa = headers if name == draft.SOFA_REQUEST else {}  # "" in others: no header may stand for one of them
            fields |= {"timeout": str(header.outcome), "service": sofa.get(SERVICE, ""), "method": sofa.get(METHOD, "")}
            if name == draft.SOFA_REQUEST and not heartbeat:
                if header.codec == wire.HESSIAN2:
                    found = draft.read_request(message, header.headers_end, end)
                    fields["service"], fields["method"], metadata.incomplete = found
                metadata.operation = f"{fields['service']}/{fields['method']}"
        elif not heartbeat:
            failed, text = header.outcome != 0 or headers.get(FAILED) == "true", ""
            if header.codec == wire.HESSIAN2 and (failed or name == draft.SOFA_RESPONSE):
                failed, text = draft.read_failure(message, header.headers_end, end, failed=failed)
            elif failed:
                text = decode_text(message[header.headers_end : end])
            if failed:
                metadata.message_type = MessageType.EXCEPTION
            if text:
                fields["error"] = text
        metadata.properties = headers | fields
        return metadata

    def encode(self, metadata: Metadata, mutation: sdk.Mutation, request_id: int | None = None) -> bytes:
        message, header = metadata.message, metadata.state
        edits: list[tuple[int, int, bytes]] = []
        if mutation:
            if metadata.error:
                raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
            start, end = header.class_end, header.headers_end
            found = wire.read_headers(message, start, end)
            edits += mutate_entries(found, mutation, wire.write_header, end, fields=FIELDS, limits=self.limits)[0]
            length = end - start + growth(edits)
            if length > wire.LONGEST_HEADERS:
                raise UnsupportedMutation(f"the headers would take {length:,} bytes, but at most 32,767 fit")
            if edits:
                edits.append((header.size - 6, header.size - 4, length.to_bytes(2)))
        if request_id is not None:
            if not 0 <= request_id <= self.max_request_id:
                raise sdk.EncodeError(f"the request_id {request_id} does not fit 32 bits")
            edits.append((header.protocol + 4, header.protocol + 8, request_id.to_bytes(4)))
        if not edits or not metadata.trailer_size:
            return splice(message, edits)
        old = message[: header.content_end]
        new = splice(old, edits)
        # A CRC that was wrong stays wrong: the server must see that the message was damaged.
        crc = crc32(new) ^ crc32(old) ^ int.from_bytes(message[header.content_end :])
        return new + crc.to_bytes(wire.CRC_SIZE)

    def on_error(self, request: Metadata, error: sdk.Error) -> bytes:
        if not request.expects_reply:
            return b""
        header: wire.Header = request.state
        reply = header._replace(kind=wire.RESPONSE, outcome=ERRORS.code(error))
        if header.command == wire.HEARTBEAT:
            return wire.write_message(reply)
        hessian = header.codec == wire.HESSIAN2
        content = draft.write_exception(error.message) if hessian else error.message.encode("utf-8", "backslashreplace")
        return wire.write_message(reply._replace(command=wire.RPC_RESPONSE), draft.EXCEPTION, b"", content)

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ERRORS.error_type(response.status_code)

    def heartbeat_reply(self, request: Metadata) -> bytes:
        return wire.write_message(request.state._replace(kind=wire.RESPONSE, outcome=0))

    def layout_of(self, message: bytes) -> sdk.Layout | None:
        return wire.layout_of(message)

    def spans(self, metadata: Metadata) -> list[sdk.Span]:
        if metadata.error:
            return super().spans(metadata)
        message, header = metadata.message, metadata.state
        entries = wire.read_headers(message, header.class_end, header.headers_end)
        parts = [
            sdk.Span(header.size, header.class_end, "class", metadata.properties.get("class", "")),
            *(sdk.Span(start, stop, f"headers.{key}", value) for key, value, start, stop in entries),
            sdk.Span(header.headers_end, header.content_end, "content"),
            sdk.Span(header.content_end, len(message), "crc"),
        ]
        layout = wire.LAYOUTS[header.protocol, header.kind == wire.RESPONSE]
        return [*layout.spans(message), *(span for span in parts if span.start < span.end)]

    def examples(self) -> Iterable[tuple[sdk.Direction, bytes]]:
        return examples()
