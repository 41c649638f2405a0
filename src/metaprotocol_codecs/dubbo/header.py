"""The 16 bytes that begin every Dubbo message, and the numbers in them.

Source: org.apache.dubbo.remoting.exchange.codec.ExchangeCodec and Response of Apache Dubbo 2.7 and 3.
"""

from construct import Const, Enum, Int8ub, Int16ub, Int32ub, Int64ub, Struct

from metaprotocol_sdk import Layout

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
