"""The two kinds of frames of bRPC, and their protobuf messages: baidu_rpc_meta.proto and streaming_rpc_meta.proto."""

from typing import Final

from construct import Const, Int32ub, Struct

from metaprotocol_sdk import Layout
from metaprotocol_sdk.protobuf import Schema

RPC_MAGIC: Final = b"PRPC"
STREAM_MAGIC: Final = b"STRM"
RESET, CLOSE, DATA, FEEDBACK = range(1, 5)

HEADERS: Final = {
    magic: Layout(
        Struct(
            "magic" / Const(magic),
            "body_size" / Int32ub * "of all that follows this header",
            "meta_size" / Int32ub * "of the protobuf message that follows",
        )
    )
    for magic in (RPC_MAGIC, STREAM_MAGIC)
}
HEADER_SIZE: Final = 12

RPC_META = Schema(
    {
        "request": (
            1,
            Schema(
                {
                    "service_name": (1, "string"),
                    "method_name": (2, "string"),
                    "log_id": (3, "int64"),
                    "trace_id": (4, "int64"),
                    "span_id": (5, "int64"),
                    "parent_span_id": (6, "int64"),
                    "timeout_ms": (8, "int32"),
                }
            ),
        ),
        "response": (2, Schema({"error_code": (1, "int32"), "error_text": (2, "string")})),
        "compress_type": (3, "int32"),
        "correlation_id": (4, "uint64"),
        "attachment_size": (5, "int32"),
        "authentication_data": (7, "bytes"),
        "stream_settings": (
            8,
            Schema({"stream_id": (1, "uint64"), "need_feedback": (2, "bool"), "writable": (3, "bool")}),
        ),
        "user_fields": (9, "map<string, string>"),
        "content_type": (10, "int32"),
        "checksum_type": (11, "int32"),
        "checksum_value": (12, "bytes"),
    }
)
STREAM_META = Schema(
    {
        "stream_id": (1, "uint64"),
        "source_stream_id": (2, "uint64"),
        "frame_type": (3, "int32"),
        "has_continuation": (4, "bool"),
        "feedback": (5, Schema({"consumed_size": (1, "int64")})),
    }
)


def build(values: dict[str, object], body: bytes = b"", *, magic: bytes = RPC_MAGIC) -> bytes:
    """Return a frame.

    Args:
        values: Fields of its protobuf message.
        body: The bytes after that, an attachment included.
        magic: The kind of frame.
    """
    meta = (RPC_META if magic == RPC_MAGIC else STREAM_META).build(values)
    return HEADERS[magic].build(body_size=len(meta) + len(body), meta_size=len(meta)) + meta + body
