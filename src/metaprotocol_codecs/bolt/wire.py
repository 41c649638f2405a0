"""The header of a Bolt message, in its four forms, and the block of headers that SOFARPC writes after it."""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from construct import Const, Enum, Int8ub, Int16ub, Int32sb, Int32ub, Struct

from metaprotocol_sdk import DecodeError, FramingError, HeaderLength, Layout, LongerHeader
from metaprotocol_sdk.entries import decode_text, encode_text

RESPONSE, REQUEST, ONEWAY = range(3)
HEARTBEAT, RPC_REQUEST, RPC_RESPONSE = range(3)
HESSIAN2, PROTOBUF = 1, 11
CRC_SIZE = 4
# Peers read the lengths as signed numbers.
LONGEST_HEADERS, LONGEST_CONTENT = 0x7FFF, 0x7FFF_FFFF


def _layout(protocol: int, *, response: bool) -> Layout:
    types = {"response": RESPONSE} if response else {"request": REQUEST, "oneway": ONEWAY}
    return Layout(
        Struct(
            "protocol" / Const(protocol, Int8ub),
            *(["version" / Int8ub * "2 if there may be a CRC, otherwise 1"] if protocol == 2 else []),
            "type" / Enum(Int8ub, **types),
            "command" / Enum(Int16ub, heartbeat=HEARTBEAT, rpc_request=RPC_REQUEST, rpc_response=RPC_RESPONSE),
            "command_version" / Int8ub * "1",
            "request_id" / Int32ub * "a response repeats its request's",
            "codec" / Enum(Int8ub, hessian2=HESSIAN2, protobuf=PROTOBUF) * "how the content is serialized",
            *(["switch" / Int8ub * "bit 0: a CRC comes after the content"] if protocol == 2 else []),
            "status" / Int16ub * "0 is success" if response else "timeout" / Int32sb * "milliseconds",
            "class_length" / Int16ub * "bytes of the class name",
            "headers_length" / Int16ub * "bytes of the headers",
            "content_length" / Int32ub * "bytes of the content",
        )
    )


LAYOUTS = {
    (protocol, response): _layout(protocol, response=response) for protocol in (1, 2) for response in (False, True)
}


class Header(NamedTuple):
    """The header of one message, and the places of what it announces.

    `version` and `switch` are 0 in protocol 1; `outcome` is the status of a response, the timeout of a request.
    """

    protocol: int
    version: int
    kind: int
    command: int
    request_id: int
    codec: int
    switch: int
    outcome: int
    size: int
    class_end: int
    headers_end: int
    content_end: int

    @property
    def trailer_size(self) -> int:
        """Bytes of the CRC, which only version 2 of protocol 2 has."""
        return CRC_SIZE if self.version == 2 and self.switch & 1 else 0


def layout_of(message: bytes) -> Layout | None:
    """Return the layout of a message's header, None if there is none for its first bytes."""
    protocol = message[0] if message else 0
    return LAYOUTS.get((protocol, message[protocol : protocol + 1] == b"\x00"))


def read_header(message: bytes) -> Header:
    """Read a header. Raises ProtocolError if it is not one of Bolt."""
    layout = layout_of(message)
    if layout is None:
        raise FramingError("a Bolt message begins with 1 or 2, its protocol", offset=0, field="protocol")
    protocol, version, switch = message[0], 0, 0
    if protocol == 1:
        kind, command, _, request_id, codec, outcome, *lengths = layout.unpack(message)
    else:
        version, kind, command, _, request_id, codec, switch, outcome, *lengths = layout.unpack(message)
        if version not in (1, 2):
            raise FramingError(f"there is no version {version} of Bolt's protocol 2", offset=1, field="version")
    if kind > ONEWAY:
        raise FramingError(f"there is no message type {kind}; the last is 2", offset=protocol, field="type")
    # Java and Node read negative numbers here, and then do not agree on the message's end.
    if max(lengths[:2]) > LONGEST_HEADERS or lengths[2] > LONGEST_CONTENT:
        raise FramingError("a length is negative: its highest bit is set", offset=layout.size - 8, field="class_length")
    class_end = layout.size + lengths[0]
    headers_end = class_end + lengths[1]
    ends = (class_end, headers_end, headers_end + lengths[2])
    return Header(protocol, version, kind, command, request_id, codec, switch, outcome, layout.size, *ends)


def _total(start: bytes) -> int | LongerHeader:
    layout = layout_of(start)
    if layout is not None and len(start) < layout.size:
        return LongerHeader(layout.size)
    header = read_header(start)
    return header.content_end + header.trailer_size


FRAMING = HeaderLength(min(layout.size for layout in LAYOUTS.values()), _total, magic=(b"\x01", b"\x02"))


def read_headers(message: bytes, start: int, end: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield the headers between two offsets: key, value, and where each begins and ends. Null reads as empty."""
    while start < end:
        at, texts = start, []
        for _ in range(2):
            size = max(int.from_bytes(message[at : at + 4], signed=True), 0)  # -1 stands for null
            texts.append(decode_text(message[at + 4 : at + 4 + size]))
            at += 4 + size
            if at > end:
                raise DecodeError("this header ends after the headers", offset=start, field="headers")
        yield texts[0], texts[1], start, at
        start = at


def write_header(key: str, value: str) -> bytes:
    """Return a header. Raises UnsupportedMutation for a text that no header can hold."""
    raw, text = encode_text(key, LONGEST_HEADERS), encode_text(value, LONGEST_HEADERS)
    return len(raw).to_bytes(4) + raw + len(text).to_bytes(4) + text


def write_message(header: Header, name: bytes = b"", headers: bytes = b"", content: bytes = b"") -> bytes:
    """Return a message; what a header says of sizes and places is not used."""
    fields = header._asdict() | {"type": header.kind, "command_version": 1, "status": header.outcome}
    fields |= {"timeout": header.outcome, "class_length": len(name)}
    fields |= {"headers_length": len(headers), "content_length": len(content)}
    layout = LAYOUTS[header.protocol, header.kind == RESPONSE]
    message = layout.build({field.name: fields[field.name] for field in layout.fields}) + name + headers + content
    return message + crc32(message).to_bytes(CRC_SIZE) if header.trailer_size else message
