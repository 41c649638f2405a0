"""The 16 bytes that begin every Dubbo message, the numbers in them, and the replies that a mesh sends itself.

Source: org.apache.dubbo.remoting.exchange.codec.ExchangeCodec, Response and HeaderExchangeHandler of Apache Dubbo 2.7
and 3. Java picks the reader of a reply by the reply's own serialization id, so an error is always written in hessian2,
whatever the client speaks.
"""

from __future__ import annotations

from struct import Struct as PythonStruct

from construct import Const, Enum, Int8ub, Int16ub, Int32ub, Int64ub, Struct

from metaprotocol_codecs.hessian2 import write_string
from metaprotocol_sdk import Error, ErrorType, Layout
from metaprotocol_sdk.error_codes import ErrorCodes

REQUEST = 0x80
TWO_WAY = 0x40
EVENT = 0x20
SERIALIZATION = 0x1F

HESSIAN2 = 2
SERIALIZATIONS = {
    HESSIAN2: "hessian2",
    3: "java",
    4: "compactedjava",
    6: "fastjson",
    7: "nativejava",
    8: "kryo",
    9: "fst",
    10: "native-hessian",
    11: "avro",
    12: "protostuff",
    16: "gson",
    21: "protobuf-json",
    22: "protobuf",
    23: "fastjson2",
    25: "kryo2",
    27: "msgpack",
}

OK = 20
STATUSES = {
    OK: "OK",
    25: "SERIALIZATION_ERROR",
    30: "CLIENT_TIMEOUT",
    31: "SERVER_TIMEOUT",
    35: "CHANNEL_INACTIVE",
    40: "BAD_REQUEST",
    50: "BAD_RESPONSE",
    60: "SERVICE_NOT_FOUND",
    70: "SERVICE_ERROR",
    80: "SERVER_ERROR",
    90: "CLIENT_ERROR",
    100: "SERVER_THREADPOOL_EXHAUSTED_ERROR",
}

MAGIC = b"\xda\xbb"

LAYOUT = Layout(
    Struct(
        "magic" / Const(0xDABB, Int16ub),
        "flags" / Int8ub * "0x80 request, 0x40 two-way, 0x20 event, 0x1f serialization",
        "status" / Enum(Int8ub, **{name: number for number, name in STATUSES.items()}) * "of responses; 0 in requests",
        "request_id" / Int64ub * "a response repeats its request's; each direction counts for itself",
        "length" / Int32ub * "of the body that follows",
    )
)

_write_header = PythonStruct(">HBBQI").pack

ERRORS = ErrorCodes(
    {
        ErrorType.ROUTE_NOT_FOUND: 60,
        ErrorType.CLUSTER_NOT_FOUND: 60,
        ErrorType.BAD_RESPONSE: 50,
        ErrorType.TIMEOUT: 31,
        ErrorType.OVERFLOW: 100,
        ErrorType.OVER_LIMIT: 100,
        ErrorType.BAD_REQUEST: 40,
        ErrorType.UPSTREAM_RESET: 35,
        ErrorType.UNAUTHORIZED: 90,
    },
    default=80,
    maximum=0xFF,
    success=(OK,),
    # SERIALIZATION_ERROR: the provider could not write its answer. CLIENT_TIMEOUT: the call was not sent in time.
    reasons={25: ErrorType.BAD_RESPONSE, 30: ErrorType.TIMEOUT},
)
"""The status of each reason, and the reason of each status. SERVICE_ERROR and SERVER_ERROR give none."""


def not_read(flags: int) -> str:
    """Return why properties are missing: a serialization that is not read."""
    number = flags & SERIALIZATION
    return f"the body is in the serialization {SERIALIZATIONS.get(number, number)}, which is not read"


def describe_flags(flags: int) -> str:
    """Return what the flag byte says, for a person."""
    words = ["request" if flags & REQUEST else "response"]
    if flags & TWO_WAY:
        words.append("two-way")
    if flags & EVENT:
        words.append("event")
    serialization = flags & SERIALIZATION
    words.append(SERIALIZATIONS.get(serialization, f"serialization {serialization}"))
    return " ".join(words)


def error_reply(request_id: int, error: Error) -> bytes:
    """Return the response that reports an error.

    Args:
        request_id: The id of the request it answers.
        error: What to report; its code is a status from 0 to 255, but not 20, which is success.

    Raises:
        EncodeError: The code is no such status.
    """
    body = write_string(error.message)
    return _write_header(0xDABB, HESSIAN2, ERRORS.code(error), request_id, len(body)) + body


def heartbeat_reply(request_id: int, serialization: int, null: bytes) -> bytes:
    """Return the response to a heartbeat.

    Args:
        request_id: The id of the heartbeat.
        serialization: The id of its serialization, 0 to 31.
        null: How that serialization writes null: the heartbeat's own body.
    """
    return _write_header(0xDABB, EVENT | serialization, OK, request_id, len(null)) + null
