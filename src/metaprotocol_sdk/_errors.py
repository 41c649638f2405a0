"""Everything the SDK raises on purpose.

* `MetaProtocolError`

  * `ProtocolError`: the peer's bytes are bad

    * `FramingError`: no message boundary can be found; the connection is lost
    * `DecodeError`: one message cannot be read; the connection goes on
    * `LimitExceeded`: a bound of `Limits` is exceeded
    * `IncompleteMessage`: the stream ended inside a message

  * `EncodeError`: the caller asked for bytes that the protocol cannot hold

    * `UnsupportedMutation`: this message cannot carry this mutation

  * `RegistryError`

    * `CodecNotFound`: no codec has this name
    * `CodecConflict`: two codecs claim one name
    * `CodecLoadError`: the codec is installed and does not load

Any other exception that leaves a codec is a bug in the codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


FOREIGN_HINT = "these bytes look like "
"""The beginning of the hint on bytes of another protocol."""


class MetaProtocolError(Exception):
    """The root of every error that the SDK raises on purpose."""


class ProtocolError(MetaProtocolError):
    """The peer's bytes are bad.

    Args:
        message: The fault and what was expected instead, for a person.
        offset: The place, in bytes: from the message's first byte when a codec raises it, from the stream's first
            byte in `MessageDecoder.stream_error`. None if no place can be named.
        field: The field that holds the bad bytes, or "".
        hint: A probable cause, or advice to the reader; or "".
    """

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        field: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        text = self.message
        if self.offset is not None:
            text += f" (offset {self.offset}{f', field {self.field}' if self.field else ''})"
        elif self.field:
            text += f" (field {self.field})"
        if self.hint.startswith(FOREIGN_HINT):  # it explains the rest, so it comes first
            return f"{self.hint}: {text}"
        return f"{text}; {self.hint}" if self.hint else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class FramingError(ProtocolError):
    """No message boundary can be found, so nothing after this point of the stream can be read."""


class DecodeError(ProtocolError):
    """One message is framed soundly and cannot be read."""


class LimitExceeded(ProtocolError):
    """A bound of `Limits` is exceeded.

    Args:
        limit: The name of the bound, a field of `Limits`.
        value: The size or number that the peer asked for.
        maximum: The largest that the bound allows.
        offset: As in `ProtocolError`.
        field: As in `ProtocolError`.
    """

    def __init__(self, limit: str, value: int, maximum: int, *, offset: int | None = None, field: str = "") -> None:
        super().__init__(f"{value:,} is over the limit {limit} of {maximum:,}", offset=offset, field=field)
        self.limit = limit
        self.value = value
        self.maximum = maximum

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.limit, self.value, self.maximum), self.__dict__)


class IncompleteMessage(ProtocolError):
    """The stream ended inside a message."""


class EncodeError(MetaProtocolError):
    """The caller asked for bytes that the protocol cannot hold, such as an id that is too large."""


class UnsupportedMutation(EncodeError):
    """This message cannot carry this mutation. It is never dropped in silence."""


class RegistryError(MetaProtocolError):
    """No codec could be loaded for a name."""


class CodecNotFound(RegistryError):
    """No codec has this name.

    Args:
        name: The name that was asked for.
        known: The names of all installed codecs.
        close: The known names that resemble `name`, the closest first.
    """

    def __init__(self, name: str, known: Iterable[str], close: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        self.close = tuple(close)
        text = f"there is no codec named {name!r}"
        if self.close:
            text += f"; did you mean {' or '.join(map(repr, self.close))}?"
        elif self.known:
            text += f"; there are {', '.join(map(repr, self.known))}"
        else:
            text += "; no codec is installed"
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.name, self.known, self.close))


class CodecConflict(RegistryError):
    """Two codecs claim one name, and nothing says which of them is meant."""


class CodecLoadError(RegistryError):
    """The codec is announced and does not load: its import fails, it is not a `Codec`, or it refuses its options."""
