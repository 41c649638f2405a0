"""The frame header of tRPC and the protobuf messages after it, as in trpc.proto."""

from typing import Final

from construct import Const, Enum, Int8ub, Int16ub, Int32ub, Struct

from metaprotocol_sdk import Layout
from metaprotocol_sdk.protobuf import Schema

UNARY, STREAM = range(2)
INIT, DATA, FEEDBACK, CLOSE = range(1, 5)
ONEWAY: Final = 1
"""The `call_type` of a request that is not answered."""
RESET: Final = 1
"""The `close_type` of a CLOSE that ends the stream at once."""

HEADER = Layout(
    Struct(
        "magic" / Const(b"\x09\x30"),
        "data_frame_type" / Enum(Int8ub, unary=UNARY, stream=STREAM),
        "stream_frame_type" / Enum(Int8ub, unary=UNARY, init=INIT, data=DATA, feedback=FEEDBACK, close=CLOSE),
        "data_frame_size" / Int32ub * "of the whole frame, this header included",
        "pb_header_size" / Int16ub * "bytes of the protobuf header that follows; 0 in streams",
        "stream_id" / Int32ub * "in version 1 of a unary frame, the request id once more",
        "version" / Int8ub,
        "reserved" / Int8ub,
    )
)

REQUEST_PROTOCOL = Schema(
    {
        "version": (1, "uint32"),
        "call_type": (2, "uint32"),
        "request_id": (3, "uint32"),
        "timeout": (4, "uint32"),
        "caller": (5, "string"),
        "callee": (6, "string"),
        "func": (7, "string"),
        "message_type": (8, "uint32"),
        "trans_info": (9, "map<string, bytes>"),
        "content_type": (10, "uint32"),
        "content_encoding": (11, "uint32"),
        "attachment_size": (12, "uint32"),
    }
)
RESPONSE_PROTOCOL = Schema(
    {
        "version": (1, "uint32"),
        "call_type": (2, "uint32"),
        "request_id": (3, "uint32"),
        "ret": (4, "int32"),
        "func_ret": (5, "int32"),
        "error_msg": (6, "bytes"),
        "message_type": (7, "uint32"),
        "trans_info": (8, "map<string, bytes>"),
        "content_type": (9, "uint32"),
        "content_encoding": (10, "uint32"),
        "attachment_size": (12, "uint32"),
    }
)
_INIT_REQUEST = Schema(
    {
        "caller": (1, "string"),
        "callee": (2, "string"),
        "func": (3, "string"),
        "message_type": (4, "uint32"),
        "trans_info": (5, "map<string, bytes>"),
    }
)
_INIT_RESPONSE = Schema({"ret": (1, "int32"), "error_msg": (2, "bytes")})
_INIT_META = Schema(
    {
        "request_meta": (1, _INIT_REQUEST),
        "response_meta": (2, _INIT_RESPONSE),
        "init_window_size": (3, "uint32"),
        "content_type": (4, "uint32"),
        "content_encoding": (5, "uint32"),
    }
)
_FEEDBACK_META = Schema({"window_size_increment": (1, "uint32")})
_CLOSE_META = Schema(
    {
        "close_type": (1, "int32"),
        "ret": (2, "int32"),
        "msg": (3, "bytes"),
        "message_type": (4, "uint32"),
        "trans_info": (5, "map<string, bytes>"),
        "func_ret": (6, "int32"),
    }
)
STREAM_METAS: Final = {INIT: _INIT_META, FEEDBACK: _FEEDBACK_META, CLOSE: _CLOSE_META}
"""The message that fills a stream's frame after its header. A DATA frame has none."""


def build(
    schema: Schema | None,
    values: dict[str, object],
    *,
    frame_type: int = UNARY,
    stream_id: int = 0,
    version: int = 0,
    body: bytes = b"",
) -> bytes:
    """Return a frame. As in proto3, fields that are 0 or empty are left out.

    Args:
        schema: Of the protobuf message after the header; None if there is none.
        values: Its fields.
        frame_type: UNARY, or a frame type of streams.
        stream_id: Of the frame's header.
        version: Of the frame's header.
        body: The bytes after the protobuf message, an attachment included.
    """
    meta = b"" if schema is None else schema.build({name: value or None for name, value in values.items()})
    fields = {
        "data_frame_type": STREAM if frame_type else UNARY,
        "stream_frame_type": frame_type,
        "data_frame_size": HEADER.size + len(meta) + len(body),
        "pb_header_size": 0 if frame_type else len(meta),
        "stream_id": stream_id,
        "version": version,
        "reserved": 0,
    }
    return HEADER.build(fields) + meta + body
