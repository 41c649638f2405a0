"""The codec of Tars: TARS (version 1) and TUP (versions 2 and 3), as the libraries for Java and for Node speak it."""

from collections.abc import Iterable, Mapping
from typing import Any

import metaprotocol_sdk as sdk
from metaprotocol_codecs.tars import tlv
from metaprotocol_sdk import DecodeError, Direction, ErrorType, MessageType, Metadata, Status, UnsupportedMutation
from metaprotocol_sdk.edits import growth, splice
from metaprotocol_sdk.entries import mutate_entries, read_properties
from metaprotocol_sdk.error_codes import ErrorCodes

TARS, TUP, TUP_SIMPLE = 1, 2, 3
NORMAL, ONEWAY = 0, 1
PING = "tars_ping"
RESULT_CODE, RESULT_TEXT = "STATUS_RESULT_CODE", "STATUS_RESULT_DESC"
# By tag.
REQUEST_FIELDS = ("", "version", "packet_type", "message_type", "request_id", "servant", "func", "buffer", "timeout",
                  "context", "status")  # fmt: skip
RESPONSE_FIELDS = (
    "",
    "version",
    "packet_type",
    "request_id",
    "message_type",
    "ret",
    "buffer",
    "status",
    "desc",
    "context",
)
DECODE, NO_SERVANT, TIMEOUT, CONNECT, OVERLOAD, NO_ADAPTER, CLIENT_DECODE, UNKNOWN = -1, -4, -7, -8, -9, -10, -12, -99
ERRORS = ErrorCodes(
    {
        ErrorType.ROUTE_NOT_FOUND: NO_SERVANT,
        ErrorType.CLUSTER_NOT_FOUND: NO_SERVANT,
        ErrorType.NO_HEALTHY_UPSTREAM: NO_ADAPTER,
        ErrorType.UPSTREAM_RESET: CONNECT,
        ErrorType.OVER_LIMIT: OVERLOAD,
        ErrorType.OVERFLOW: OVERLOAD,
        ErrorType.TIMEOUT: TIMEOUT,
        ErrorType.BAD_REQUEST: DECODE,
        ErrorType.BAD_RESPONSE: CLIENT_DECODE,
    },
    default=UNKNOWN,
    minimum=-(2**31),
    maximum=2**31 - 1,
    reasons={-3: ErrorType.UNSPECIFIED, -6: ErrorType.TIMEOUT},
)
FIELDS = frozenset({"servant", "func", "version", "timeout", "error"})
_STATUS = "status."
_WAS_MISSING = b"\x02"  # the type of a map's size that no peer writes for so few entries: see `_changed`


class TarsCodec(sdk.Codec):
    """Reads and rewrites Tars messages.

    Properties are the entries of `context`, those of `status` as `status.KEY`, and `version`; of a request `servant`,
    `func` and `timeout`; of a response `error`, the text of a failure. A mutation sets and removes entries of
    `context`.
    """

    name = "tars"
    framing = sdk.LengthField(offset=0, length=4, adjustment=-4)
    capabilities = frozenset(sdk.Capability) - {sdk.Capability.STREAMS}
    service_property = "servant"
    max_request_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if len(message) < 4 or int.from_bytes(message[:4]) != len(message):
            raise DecodeError("the length does not fit the message", offset=0, field="length")
        found, damage = tlv.read_fields(message, 4)
        version = tlv.read_integer(message, _required(found, 1, "version"))
        if version not in (TARS, TUP, TUP_SIMPLE):
            raise DecodeError(f"there is no version {version} of Tars; the last is 3", offset=4, field="version")
        response = direction is Direction.TO_CLIENT
        names = RESPONSE_FIELDS if response and version == TARS else REQUEST_FIELDS
        fields = {name: found[tag] for tag, name in enumerate(names) if tag in found}
        request_id = tlv.read_integer(message, _required(fields, "request_id", "request_id")) & 0xFFFF_FFFF
        oneway = tlv.read_integer(message, _required(fields, "packet_type", "packet_type")) == ONEWAY
        kind = MessageType.RESPONSE if response else MessageType.ONEWAY if oneway else MessageType.REQUEST
        metadata = Metadata(message, kind, request_id, header_size=4, expects_reply=not (response or oneway))
        after = (field.start for tag, field in found.items() if tag > names.index("context"))
        metadata.state = (version, names, fields, next(after, len(message)))
        try:
            if damage:
                raise damage
            self._read(metadata, version, fields)
        except sdk.ProtocolError as error:
            metadata.error = error
        return metadata

    def _read(self, metadata: Metadata, version: int, fields: dict[str, tlv.Field]) -> None:
        message, response = metadata.message, metadata.message_type is MessageType.RESPONSE
        body = tlv.bytes_start(message, _required(fields, "buffer", "buffer"))
        own = {"version": str(version)}
        if "status" in fields:
            entries = tlv.read_entries(message, fields["status"])
            statuses = read_properties(entries, limits=self.limits)
            own |= {_STATUS + key: value for key, value in statuses.items()}
        if not response or version != TARS:
            servant = tlv.read_text(message, _required(fields, "servant", "servant"))
            func = tlv.read_text(message, _required(fields, "func", "func"))
            metadata.operation = f"{servant}/{func}"
            if not response:
                own |= {"servant": servant, "func": func}
                own["timeout"] = str(tlv.read_integer(message, _required(fields, "timeout", "timeout")))
                if func == PING:
                    metadata.message_type = MessageType.HEARTBEAT
        if response:
            code, text = own.get(_STATUS + RESULT_CODE, "0"), own.get(_STATUS + RESULT_TEXT, "")
            if version == TARS:
                code = str(tlv.read_integer(message, _required(fields, "ret", "ret")))
                text = tlv.read_text(message, fields["desc"]) if "desc" in fields else ""
            metadata.status_code = _number(code, fields)
            if metadata.status_code:
                metadata.status, metadata.message_type = Status.ERROR, MessageType.EXCEPTION
                own["error"] = text
        found = list(tlv.read_entries(message, fields["context"])) if "context" in fields else []
        metadata.properties = read_properties(found, own, limits=self.limits)
        if len({entry[0] for entry in found}) < len(found):
            metadata.incomplete = "a key of the context comes twice; Java and Node take the last, C++ the first"
        metadata.header_size = body  # the context comes after the body, so it counts as part of it

    def encode(self, metadata: Metadata, mutation: sdk.Mutation, request_id: int | None = None) -> bytes:
        _, names, fields, place = metadata.state or (TARS, (), dict[str, tlv.Field](), 0)
        edits: list[tuple[int, int, bytes]] = []
        if mutation:
            if metadata.error:
                raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
            edits = self._changed(metadata.message, mutation, names.index("context"), place, fields)
        if request_id is not None and request_id != metadata.request_id:
            if not 0 <= request_id <= self.max_request_id:
                raise sdk.EncodeError(f"the request_id {request_id} does not fit 32 bits")
            field, signed = fields["request_id"], (request_id ^ 2**31) - 2**31
            edits.append((field.start, field.end, tlv.write_integer(names.index("request_id"), signed)))
        if added := growth(edits):
            edits.append((0, 4, (len(metadata.message) + added).to_bytes(4)))
        return splice(metadata.message, edits)

    def _changed(
        self, message: bytes, mutation: sdk.Mutation, tag: int, place: int, fields: dict[str, tlv.Field]
    ) -> list[tuple[int, int, bytes]]:
        """Return the edits of the context. A map that was missing is marked, so that the last removal takes it away."""
        for key in mutation:
            if key.startswith(_STATUS):
                raise UnsupportedMutation(f"{key} is an entry of the status, which cannot be changed")
        field = fields.get("context", tlv.Field(tlv.MAP, place, place, place))
        entries = list(tlv.read_entries(message, field)) if "context" in fields else []
        edits: list[tuple[int, int, bytes]] = []
        changes, count = mutate_entries(
            entries, mutation, tlv.write_entry, field.end, fields=FIELDS, limits=self.limits
        )
        if not changes:
            return edits
        first = entries[0][2] if entries else field.end
        marked = "context" not in fields or (
            message[field.value : field.value + 1] == _WAS_MISSING and len(entries) <= 0x7FFF
        )
        if marked and not count:
            return [(field.start, field.end, b"")] if "context" in fields else []
        size = _WAS_MISSING + count.to_bytes(4) if marked and count <= 0x7FFF else tlv.write_integer(0, count)
        if "context" not in fields:
            size = bytes((tag << 4 | tlv.MAP,)) + size
        if count != len(entries) or "context" not in fields:
            edits.append((field.value, first, size))
        return [*edits, *changes]

    def on_error(self, request: Metadata, error: sdk.Error) -> bytes:
        text = error.message.encode("utf-8", "backslashreplace").decode()
        return _reply(request, ERRORS.code(error), text) if request.expects_reply else b""

    def error_type(self, response: Metadata) -> ErrorType | None:
        return ERRORS.error_type(response.status_code)

    def heartbeat_reply(self, request: Metadata) -> bytes:
        return _reply(request, 0, "")

    def complete(self, response: Metadata) -> None:
        if response.request and response.request.message_type is MessageType.HEARTBEAT:
            response.message_type = MessageType.HEARTBEAT

    def spans(self, metadata: Metadata) -> list[sdk.Span]:
        if metadata.error:
            return super().spans(metadata)
        message, names = metadata.message, metadata.state[1]
        spans, at = [sdk.Span(0, 4, "length", str(len(message)))], 4
        for tag, field in tlv.read_fields(message, 4)[0].items():
            if at < field.start:
                spans.append(sdk.Span(at, field.start, "not read"))
            name = names[tag] if 0 < tag < len(names) else f"tag {tag}"
            value = metadata.properties.get(name, "")
            if field.type in (tlv.INT1, tlv.INT2, tlv.INT4, tlv.ZERO):
                value = str(tlv.read_integer(message, field))
            spans.append(sdk.Span(field.start, field.end, name, value))
            at = field.end
        return [*spans, sdk.Span(at, len(message), "not read")] if at < len(message) else spans

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        to_server, to_client = Direction.TO_SERVER, Direction.TO_CLIENT
        target, context = ("Demo.Greeter.GreeterObj", "hello"), {"user": "Zoë"}
        for number, version in enumerate((TARS, TUP, TUP_SIMPLE), 1):
            call = build_request(version, NORMAL, number, target, b"\x06\x05world", context)
            yield to_server, call
            yield to_server, build_request(version, ONEWAY, number + 10, target, b"", {})
            ping = build_request(version, NORMAL, number + 20, (target[0], PING), b"", {})
            yield to_server, ping
            asked, pinged = self.decode(call, to_server), self.decode(ping, to_server)
            yield to_client, _reply(asked, 0, "", b"\x06\x05hello", context)
            yield to_client, _reply(asked, NO_SERVANT, "no such servant")
            yield to_client, self.heartbeat_reply(pinged)


def _required(fields: Mapping[Any, tlv.Field], key: object, name: str) -> tlv.Field:
    if key not in fields:
        raise DecodeError(f"the field {name} is missing", offset=4, field=name)
    return fields[key]


def _number(text: str, fields: dict[str, tlv.Field]) -> int:
    try:
        number = int(text, 10) if text.isascii() and len(text) <= 11 else None
    except ValueError:
        number = None
    if number is None or not -(2**31) <= number < 2**31:
        raise DecodeError(f"the result code {text[:20]!r} is not a number", offset=fields["status"].start)
    return number


def build_request(
    version: int, packet_type: int, request_id: int, target: tuple[str, str], buffer: bytes, context: Mapping[str, str],
    status: Mapping[str, str] = {}, timeout: int = 3000,
) -> bytes:  # fmt: skip
    """Return a message in the form of requests, which answers of TUP have, too."""
    head = [tlv.write_integer(tag, value) for tag, value in ((1, version), (2, packet_type), (3, 0), (4, request_id))]
    body = [tlv.write_text(5, target[0]), tlv.write_text(6, target[1]), tlv.write_bytes(7, buffer)]
    rest = [tlv.write_integer(8, timeout), tlv.write_map(9, context), tlv.write_map(10, status)]
    written = b"".join([*head, *body, *rest])
    return (len(written) + 4).to_bytes(4) + written


def _reply(request: Metadata, code: int, text: str, buffer: bytes = b"", context: Mapping[str, str] = {}) -> bytes:
    version, number = request.state[0], (request.request_id ^ 2**31) - 2**31
    if version != TARS:
        target = (request.properties.get("servant", ""), request.properties.get("func", ""))
        status = {RESULT_CODE: str(code), RESULT_TEXT: text}
        return build_request(version, NORMAL, number, target, buffer or b"\x08\x0c", context, status, 0)
    numbers = ((1, version), (2, NORMAL), (3, number), (4, 0), (5, code))
    written = b"".join(tlv.write_integer(tag, value) for tag, value in numbers) + tlv.write_bytes(6, buffer)
    written += tlv.write_map(7, {}) + tlv.write_text(8, text) + tlv.write_map(9, context)
    return (len(written) + 4).to_bytes(4) + written
