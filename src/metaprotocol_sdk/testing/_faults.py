"""What of some metadata cannot be true, whatever the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaprotocol_sdk import MessageType, Metadata, Status
from metaprotocol_sdk.testing._violation import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk import Codec


_SOUND: dict[str, Callable[[Any], bool]] = {
    "message_type": lambda value: isinstance(value, MessageType),
    "request_id": lambda value: isinstance(value, int) and value >= 0,
    "operation": lambda value: isinstance(value, str),
    "status": lambda value: isinstance(value, Status),
    "properties": lambda value: (
        isinstance(value, dict) and all(isinstance(key, str) and isinstance(text, str) for key, text in value.items())
    ),
    "header_size": lambda value: isinstance(value, int) and value >= 0,
    "status_code": lambda value: value is None or isinstance(value, int),
    "expects_reply": lambda value: isinstance(value, bool),
    "stream_id": lambda value: value is None or isinstance(value, int),
}


def faults(metadata: Metadata, message: bytes, codec: Codec) -> str:
    """Return what of some metadata cannot be true of a message; "" if nothing."""
    if not isinstance(metadata, Metadata):
        return f"decode returned {shown(metadata)}, which is no Metadata"
    if metadata.message != message:
        return f"metadata.message is {shown(metadata.message)}"
    for name, sound in _SOUND.items():
        if not sound(getattr(metadata, name)):
            return f"{name} is {shown(getattr(metadata, name))}"
    if metadata.request_id > codec.max_request_id:
        return f"request_id is {metadata.request_id}, over the codec's max_request_id of {codec.max_request_id}"
    if metadata.header_size > len(message):
        return f"header_size is {metadata.header_size}, and the message has {len(message)} bytes"
    return ""
