"""Cuts a stream into messages.

Nearly every protocol has the length of a message in its header, and then framing is data: `LengthField`, or
`HeaderLength` where the length must be computed. A protocol without a length brings a `Scanner` of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import field, frozen

from metaprotocol_sdk._errors import FramingError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk._enums import Direction
    from metaprotocol_sdk._limits import Limits

_STRUCT_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Scanner(ABC):
    """Finds the ends of the messages in one direction of one connection.

    A scanner is given every byte once. It keeps what it needs of the bytes it has seen, so that its cost stays linear
    however small the pieces are.
    """

    OPAQUE: ClassVar[int] = -2
    """Returned by `scan` where the protocol ends and the connection goes on: a TLS upgrade, a replication stream."""

    needed: int = 1
    """After `scan` returned -1: a lower bound, at least 1, of the bytes missing from the message."""

    @abstractmethod
    def scan(self, data: bytes, start: int) -> int:
        """Look for the end of the current message in `data[start:]`, none of which was shown before.

        Args:
            data: Bytes as they came from the network.
            start: Index of the first byte not seen before, 0 to len(data) - 1. It begins a new message if the last
                call returned an end, and otherwise goes on where the last call stopped.

        Returns:
            The index after the message's last byte, greater than `start`; or -1 if all of `data` was used and the
            message goes on, and then `needed` says how much is missing at least; or `OPAQUE` if these bytes, those of
            the message that has begun, and all that follow them are not messages. Then it is not called again.

        Raises:
            FramingError: The bytes are not the beginning of a message.
            LimitExceeded: The message is announced as longer than the limits allow. The offset of both errors counts
                from the message's first byte.
        """


class Framing(ABC):
    """The rule by which a protocol marks the end of a message. Framings are immutable and shared."""

    @abstractmethod
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        """Return a fresh scanner for one direction of one connection.

        Args:
            direction: The way the bytes travel.
            limits: The codec's limits; the scanner raises `LimitExceeded` as soon as one is exceeded.
        """


@frozen
class LongerHeader:
    """The answer of a `HeaderLength` function that must see more of the header first.

    Args:
        size: Bytes of the header in all, more than the function was given.
    """

    size: int


def _magics(value: bytes | tuple[bytes, ...]) -> bytes | tuple[bytes, ...]:
    for magic in value if isinstance(value, tuple) else (value,):
        if not isinstance(magic, bytes):
            raise TypeError(f"magic must be bytes, or a tuple of them, not {type(magic).__name__}")
    if isinstance(value, tuple) and not all(value):
        raise ValueError("magic must be bytes, or a tuple of bytes that are not empty")
    return value


def _longest(magic: bytes | tuple[bytes, ...]) -> int:
    return max(map(len, magic), default=0) if isinstance(magic, tuple) else len(magic)


@frozen
class LengthField(Framing):
    """A header with the message's length in it, as in Netty's LengthFieldBasedFrameDecoder.

    A message is `offset + length + adjustment + value` bytes long, where value is the unsigned number in the field,
    and never shorter than its own length field.

    Args:
        offset: Bytes before the length field, at least 0.
        length: Bytes of the length field: 1, 2, 3, 4 or 8.
        adjustment: Added to the length. 0 if the field counts what follows it; `-(offset + length)` if it counts the
            whole message; the size of the rest of the header if it counts the body after that.
        byte_order: "big" or "little".
        magic: Bytes that every message begins with, or a tuple of the several that there are (bRPC's `PRPC` and
            `STRM`); a wrong one is refused at its first wrong byte. It lies before the length field's end.

    Raises:
        ValueError: An argument is out of its range.
    """

    offset: int
    length: int
    adjustment: int = 0
    byte_order: Literal["big", "little"] = "big"
    magic: bytes | tuple[bytes, ...] = field(default=b"", converter=_magics)

    def __attrs_post_init__(self) -> None:
        if self.offset < 0:
            raise ValueError(f"LengthField.offset must be at least 0, not {self.offset}")
        if self.length not in (1, 2, 3, 4, 8):
            raise ValueError(f"LengthField.length must be 1, 2, 3, 4 or 8 bytes, not {self.length}")
        if self.byte_order not in ("big", "little"):
            raise ValueError(f"LengthField.byte_order must be 'big' or 'little', not {self.byte_order!r}")
        if _longest(self.magic) > self.offset + self.length:
            raise ValueError("LengthField.magic must end before the length field does")

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _LengthFieldScanner(self, limits)


@frozen
class HeaderLength(Framing):
    """A header from which a function computes the message's length (SOFA-Bolt adds up three fields).

    Args:
        size: Bytes of the header, at least 1; of the shortest, where messages have headers of different sizes.
        total: Given the header, returns the length of the whole message, header included; or a `LongerHeader` to be
            called again with more of it, at most `Limits.max_header_size`. It may raise `FramingError` for a header
            that is not one of the protocol.
        magic: Bytes that every message begins with, or a tuple of the several that there are; each at most `size`.

    Raises:
        ValueError: An argument is out of its range.
    """

    size: int
    total: Callable[[bytes], int | LongerHeader]
    magic: bytes | tuple[bytes, ...] = field(default=b"", converter=_magics)

    def __attrs_post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"HeaderLength.size must be at least 1, not {self.size}")
        if _longest(self.magic) > self.size:
            raise ValueError("HeaderLength.magic must not be longer than the header")

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _HeaderScanner(self.size, self.total, self.magic, limits)


class _HeaderScanner(Scanner):
    """Collects a header, asks for the message's length, and counts the bytes that are missing."""

    __slots__ = ("_first_size", "_header", "_header_size", "_limits", "_magic", "_rest", "_total", "needed")

    def __init__(
        self,
        header_size: int,
        total: Callable[[bytes], int | LongerHeader],
        magic: bytes | tuple[bytes, ...],
        limits: Limits,
    ) -> None:
        for limit in ("max_header_size", "max_message_size"):
            if header_size > getattr(limits, limit):
                raise ValueError(f"Limits.{limit} is smaller than the protocol's {header_size}-byte header")
        self._first_size = header_size
        self._header_size = header_size  # of the current message; a function may ask for more of it
        self._total = total
        self._magic = magic
        self._limits = limits
        self._header = bytearray()  # the first bytes of a header that is not complete yet
        self._rest = 0  # bytes still to come of a message whose length is known
        self.needed = header_size

    def scan(self, data: bytes, start: int) -> int:
        if not self._rest:
            start = self._collect(data, start)
            if start < 0:
                return -1
        available = len(data) - start
        if available >= self._rest:
            end = start + self._rest
            self._rest = 0
            return end
        self._rest -= available
        self.needed = self._rest
        return -1

    def _collect(self, data: bytes, start: int) -> int:
        """Take the header; return the index after it, or -1 if it is not complete yet."""
        while True:
            missing = self._header_size - len(self._header)
            self._header += data[start : start + missing]
            self._check_magic()
            if len(data) - start < missing:
                self.needed = missing - (len(data) - start)
                return -1
            start += missing
            header = bytes(self._header)
            total = self._total(header)
            if not isinstance(total, LongerHeader):
                break
            self._header_size = self._longer(total.size)
        self._header.clear()
        self._rest = self._checked(total) - self._header_size
        self._header_size = self._first_size
        return start

    def _longer(self, size: int) -> int:
        if size <= self._header_size:  # would loop for ever
            raise ValueError(f"LongerHeader({size}) asks for no more than the {self._header_size} bytes that are there")
        if size > self._limits.max_header_size:
            raise LimitExceeded("max_header_size", size, self._limits.max_header_size, offset=0)
        if size > self._limits.max_message_size:
            raise LimitExceeded("max_message_size", size, self._limits.max_message_size, offset=0)
        return size

    def _checked(self, total: int) -> int:
        if total < self._header_size:
            raise FramingError(
                f"the header says the message is {total} bytes long, which is less than the header's own "
                f"{self._header_size}",
                offset=0,
                field="length",
            )
        if total > self._limits.max_message_size:
            raise LimitExceeded("max_message_size", total, self._limits.max_message_size, offset=0)
        return total

    def _check_magic(self) -> None:
        header = self._header
        if not self._magic or header.startswith(self._magic):
            return
        magics = self._magic if isinstance(self._magic, tuple) else (self._magic,)
        if any(magic.startswith(header) for magic in magics):
            return
        wrong = max(_first_difference(magic, header) for magic in magics)
        raise FramingError(
            f"the message begins with {header[: wrong + 1].hex()}, not with the magic "
            f"{' or '.join(magic.hex() for magic in magics)}",
            offset=wrong,
            field="magic",
            hint="is this the right protocol for this port, and does the stream begin at a message?",
        )


def _first_difference(magic: bytes, header: bytes | bytearray) -> int:
    return next(i for i, (want, got) in enumerate(zip(magic, header, strict=False)) if want != got)


class _LengthFieldScanner(_HeaderScanner):
    """The same for a length field, with a shortcut for messages that come in one piece."""

    __slots__ = ("_base", "_maximum", "_read")

    def __init__(self, framing: LengthField, limits: Limits) -> None:
        header_size = framing.offset + framing.length
        # A method of this object would be a circle, which only the garbage collector ends.
        super().__init__(header_size, partial(_total_of, framing, limits.max_message_size), framing.magic, limits)
        self._base = header_size + framing.adjustment
        self._maximum = limits.max_message_size
        # A 3-byte number has no struct code, so it never takes the shortcut.
        code = _STRUCT_CODES.get(framing.length)
        order = ">" if framing.byte_order == "big" else "<"
        self._read = Struct(f"{order}{framing.offset}x{code}").unpack_from if code else None

    def scan(self, data: bytes, start: int) -> int:
        available = len(data) - start
        if self._rest:
            if available < self._rest:
                self._rest = self.needed = self._rest - available
                return -1
        elif available >= self._header_size and not self._header:
            read = self._read
            if read is not None and data.startswith(self._magic, start):
                total: int = self._base + read(data, start)[0]
                if self._header_size <= total <= self._maximum and total <= available:
                    return start + total
        return super().scan(data, start)


def _total_of(framing: LengthField, maximum: int, header: bytes) -> int:
    value = int.from_bytes(header[framing.offset :], framing.byte_order)
    size = framing.offset + framing.length
    total = size + framing.adjustment + value
    if total < size:
        raise FramingError(
            f"the length field holds {value}, which makes a message of {total} bytes; the least is {size}",
            offset=framing.offset,
            field="length",
        )
    if total > maximum:
        raise LimitExceeded("max_message_size", total, maximum, offset=framing.offset, field="length")
    return total
