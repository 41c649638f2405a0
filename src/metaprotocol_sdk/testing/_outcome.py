"""The result of decoding: facts of a message, values in it that cannot be true, and everything a stream gives."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from metaprotocol_sdk import Codec, Direction, MessageDecoder, MessageType, Metadata, ProtocolError, Status
from metaprotocol_sdk.testing._case import ANYTHING, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from metaprotocol_sdk.testing._case import Case

ANSWERS = (MessageType.RESPONSE, MessageType.EXCEPTION)

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
    "trailer_size": lambda value: isinstance(value, int) and value >= 0,
    "incomplete": lambda value: isinstance(value, str),
}


def faults(metadata: Metadata, message: bytes, codec: Codec) -> str:
    """Return the first value in some metadata that cannot be true, in words; "" if all can.

    Args:
        metadata: The metadata.
        message: The message that was decoded.
        codec: The codec that decoded it.
    """
    if not isinstance(metadata, Metadata):
        return f"decode returned {shown(metadata)}, which is not a Metadata"
    if metadata.message != message:
        return f"metadata.message is {shown(metadata.message)}"
    for name, sound in _SOUND.items():
        if not sound(getattr(metadata, name)):
            return f"{name} is {shown(getattr(metadata, name))}"
    if metadata.request_id > codec.max_request_id:
        return f"request_id is {metadata.request_id}, over the codec's max_request_id of {codec.max_request_id}"
    if metadata.header_size > len(message):
        return f"header_size is {metadata.header_size}, and the message has {len(message)} bytes"
    if metadata.body_size < 0:
        return (
            f"header_size is {metadata.header_size} and trailer_size {metadata.trailer_size}, and the message has "
            f"{len(message)} bytes"
        )
    return ""


def facts(metadata: Metadata) -> dict[str, object]:
    """Return everything that others may read of a message: all fields but the codec's own state and the request."""
    return {
        "message": metadata.message,
        "message_type": metadata.message_type,
        "request_id": metadata.request_id,
        "operation": metadata.operation,
        "status": metadata.status,
        "properties": dict(metadata.properties),
        "header_size": metadata.header_size,
        "status_code": metadata.status_code,
        "expects_reply": metadata.expects_reply,
        "stream_id": metadata.stream_id,
        "error": None if metadata.error is None else repr(metadata.error),
        "trailer_size": metadata.trailer_size,
        "incomplete": metadata.incomplete,
    }


def body_of(metadata: Metadata) -> bytes:
    """Return the bytes between header and trailer."""
    return metadata.message[metadata.header_size : metadata.body_end]


def difference(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Return the facts that differ, as "name: this, not that"; "" if none do."""
    return "; ".join(
        f"{name}: {_shown(other.get(name))}, not {_shown(one.get(name))}"
        for name in one
        if one.get(name) != other.get(name)
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}…"


def decoded(codec: Codec, data: bytes, direction: Direction) -> Metadata | None:
    """Decode a message; None if it cannot be read whole, for whatever reason."""
    try:
        metadata = codec.decode(data, direction)
        readable = metadata.error is None
    except ANYTHING:  # a property of its own says which exceptions are allowed
        return None
    return metadata if readable else None


def receive(codec: Codec, case: Case) -> Metadata | None:
    """Decode a case's message and pair it with its request, as a proxy does.

    Returns:
        The metadata. None if the message is refused, and also if decoding fails otherwise or the metadata cannot be
        true: properties of their own find that, and it says nothing about the others.
    """
    metadata = decoded(codec, case.data, case.direction)
    if metadata is None or faults(metadata, case.data, codec):
        return None
    if case.request is not None and metadata.message_type in ANSWERS:
        metadata.request = decoded(codec, case.request, case.direction.opposite)
        if metadata.request is not None and not completes(codec, metadata):
            return None
    return metadata


def without_hint(error: ProtocolError) -> str:
    """Return the text of an error without its hint, which depends on how much has come."""
    return str(ProtocolError(error.message, offset=error.offset, field=error.field))


def completes(codec: Codec, response: Metadata) -> bool:
    """Let a codec complete a response, as a proxy does. False if it cannot be an answer to its request."""
    try:
        codec.complete(response)
    except ProtocolError:
        return False
    return True


@frozen
class Outcome:
    """Everything that a user of the decoder sees of a stream that has ended.

    Args:
        messages: The messages.
        error: The error that ended the stream, or None.
    """

    messages: list[Metadata] = field(repr=False)
    error: ProtocolError | None

    @property
    def pieces(self) -> list[bytes]:
        """The messages' bytes."""
        return [metadata.message for metadata in self.messages]

    def differs_from(self, other: Outcome) -> str:
        """Return the first difference of another outcome from this one, in words; "" if there is none."""
        if len(self.messages) != len(other.messages):
            return f"{len(other.messages)} messages came out, not {len(self.messages)}; {other.ending}"
        for number, (one, two) in enumerate(zip(self.messages, other.messages, strict=True)):
            if different := difference(facts(one), facts(two)):
                return f"message {number} has another {different}"
        if self.ending != other.ending:
            return f"{other.ending}, not: {self.ending}"
        return ""

    @property
    def ending(self) -> str:
        """The end of the stream, in words."""
        if self.error is None:
            return "the stream ended well"
        return f"the stream ended with {type(self.error).__name__}: {without_hint(self.error)[:300]}"


def outcome(codec: Codec, pieces: Iterable[bytes], direction: Direction) -> Outcome:
    """Feed the pieces, then the end of the stream, to a new decoder."""
    decoder = MessageDecoder(codec, direction)
    messages: list[Metadata] = []
    for piece in pieces:
        messages += decoder.feed(piece)
        if decoder.stream_error:
            break
    else:
        with suppress(ProtocolError):
            decoder.eof()
    return Outcome(messages, decoder.stream_error)
