"""The defaults of answers: those of AwesomeRPC, the teaching protocol, and the usual names of fields."""

from __future__ import annotations

MAGIC = "4152"
BYTE_ORDER = "big"
FIELDS = (
    "version:1=1",
    "type:1",
    "request_id:4: a response repeats its request's",
    "length:4: of the whole message, this header included",
    "command:2: which procedure; a response repeats it",
    "status:2: 0 in requests",
    "headers_length:2: bytes of the header block that follows",
)
COUNTS = "message"
KINDS = "request=0, response=1, oneway=2, heartbeat=3, heartbeat_response=4"
STATUSES = (
    "ok=0, no_route=1, no_healthy_upstream=2, over_limit=3, timeout=4, bad_request=5, bad_response=6, "
    "unauthorized=7, other=255"
)

# The usual names of a field in each role.
USUAL_NAMES = {
    "length": ("length", "len", "size", "total_length", "message_length", "body_length", "body_size"),
    "id": ("request_id", "id", "correlation_id", "sequence", "seq", "stream_id"),
    "type": ("type", "message_type", "kind"),
    "status": ("status", "status_code", "code", "result"),
    "operation": ("command", "cmd", "operation", "opcode", "method", "method_id"),
    "headers": ("headers_length", "header_length", "headers_size", "meta_length", "meta_size"),
}
