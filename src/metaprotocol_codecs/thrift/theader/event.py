"""What a header of THeader tells by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.names import FIELDS
from metaprotocol_sdk import MessageType, Metadata, Status

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.theader.header import Header


def event_of(message: bytes, header: Header) -> Metadata:
    """Return what a header tells, without the message that should be in it. C++ clients send such."""
    return Metadata(message, MessageType.EVENT, header.sequence, "", Status.OK, keys_of(header), header.end)


def keys_of(header: Header) -> dict[str, str]:
    """Return the properties that a header tells."""
    return {entry.key: entry.value for run in header.runs for entry in run.entries if entry.key not in FIELDS}
