"""The struct TApplicationException, by which servers report errors: written in a server's place, and read.

Source: TApplicationException of Apache Thrift: field 1 is a text, field 2 a type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.detection import FRAMED, HEADER, NUMBERS_IN_HEADER
from metaprotocol_codecs.thrift.names import split_name
from metaprotocol_codecs.thrift.protocols import EXCEPTION, NON_STRICT, STRICT
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE, write_header
from metaprotocol_sdk import Error, ErrorType, LimitExceeded
from metaprotocol_sdk.error_codes import ErrorCodes

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.protocols import Protocol
    from metaprotocol_sdk import Limits, Metadata

EXCEPTION_TYPES = {
    0: "UNKNOWN",
    1: "UNKNOWN_METHOD",
    2: "INVALID_MESSAGE_TYPE",
    3: "WRONG_METHOD_NAME",
    4: "BAD_SEQUENCE_ID",
    5: "MISSING_RESULT",
    6: "INTERNAL_ERROR",
    7: "PROTOCOL_ERROR",
    8: "INVALID_TRANSFORM",
    9: "INVALID_PROTOCOL",
    10: "UNSUPPORTED_CLIENT_TYPE",
}
ERROR_CODES = ErrorCodes(
    {ErrorType.ROUTE_NOT_FOUND: 1, ErrorType.BAD_REQUEST: 7, ErrorType.BAD_RESPONSE: 7},
    default=6,
    minimum=-(1 << 31),
    maximum=(1 << 31) - 1,
    success=(),
    # A server could not read the call (2, 8, 9, 10), or answers it with something else (3, 4, 5).
    reasons={
        2: ErrorType.BAD_REQUEST,
        3: ErrorType.BAD_RESPONSE,
        4: ErrorType.BAD_RESPONSE,
        5: ErrorType.BAD_RESPONSE,
        8: ErrorType.BAD_REQUEST,
        9: ErrorType.BAD_REQUEST,
        10: ErrorType.BAD_REQUEST,
    },
)
"""The types of TApplicationException for the reasons of a mesh, and back."""


def error_reply(request: Metadata, error: Error) -> bytes:
    """Return the reply that reports an error, in the transport and protocol of its request.

    Args:
        request: The request, with its state.
        error: The reason. Its code is a type of TApplicationException, any signed integer of 32 bits.

    Raises:
        EncodeError: The code is not such an integer.
    """
    code = ERROR_CODES.code(error)
    form, protocol, name, header = request.state
    # Servers answer with the method alone, whatever service the name had, and clients that write non-strict messages
    # read strict ones.
    method = split_name(name)[1]
    protocol = STRICT if protocol is NON_STRICT else protocol
    text = error.message.encode("utf-8", "backslashreplace").decode("utf-8")
    reply: bytes = protocol.write_message(EXCEPTION, method, request.request_id, protocol.write_exception(text, code))
    if form.transport == HEADER:
        return write_header(NUMBERS_IN_HEADER[protocol.name], request.request_id, reply, flags=header.flags)
    return len(reply).to_bytes(LENGTH_SIZE) + reply if form.transport == FRAMED else reply


def read_exception(protocol: Protocol, data: bytes, start: int, limits: Limits) -> tuple[str | None, int]:
    """Return text and type of the TApplicationException at a position.

    The type is 0 where none is written, as in Apache Thrift's readers.

    Raises:
        ProtocolError: It cannot be read, or its text passes `max_value_length`.
        IndexError: It is cut off.
        struct.error: The same.
    """
    text, code = None, 0
    for field in protocol.fields(data, start, limits):
        if field.number == 1 and field.kind == "string":
            size = field.end - field.value_start
            if size > limits.max_value_length:
                raise LimitExceeded("max_value_length", size, limits.max_value_length, offset=field.value_start)
            text = protocol.read_text(data, field.value_start, field.end)
        elif field.number == 2 and field.kind == "i32":
            code = protocol.read_integer(data, field.value_start, field.end)
    return text, code
