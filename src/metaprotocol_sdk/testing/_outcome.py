"""What comes out of a stream."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_sdk import Codec, Direction, MessageDecoder, Metadata, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def facts(metadata: Metadata) -> dict[str, object]:
    """Return all that others may read of a message: everything but the codec's own state, and the request."""
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
    }


def difference(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Return which facts differ, as "name: this, not that"; "" if none do."""
    return "; ".join(
        f"{name}: {_shown(other.get(name))}, not {_shown(one.get(name))}"
        for name in one
        if one.get(name) != other.get(name)
    )


@frozen
class Outcome:
    """All that a user of the decoder sees of a stream that has ended.

    Args:
        messages: The messages.
        error: What ended it, or None.
    """

    messages: list[Metadata] = field(repr=False)
    error: ProtocolError | None

    @property
    def pieces(self) -> list[bytes]:
        """The messages' bytes."""
        return [metadata.message for metadata in self.messages]

    def differs_from(self, other: Outcome) -> str:
        """Return how another outcome differs from this one; "" if it doesn't."""
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
        """How it ended, in words, without the hint, which depends on how much has come."""
        error = self.error
        if error is None:
            return "the stream ended well"
        text = str(ProtocolError(error.message, offset=error.offset, field=error.field))
        return f"the stream ended with {type(error).__name__}: {text[:300]}"


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


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}…"
