"""Where one message ends and the next begins.

Nearly every protocol says it with a number in a fixed header, and then framing is data: `LengthField`, or
`HeaderLength` where the number must be computed. A protocol without a length brings a `Scanner` of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from metaprotocol_sdk._errors import FramingError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_sdk._enums import Direction
    from metaprotocol_sdk._limits import Limits

_STRUCT_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Scanner(ABC):
    """Finds the ends of the messages in one direction of one connection.

    A scanner is fed every byte once. It keeps what it needs of the bytes it has seen, so its cost stays linear
    however small the pieces are.
    """

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
            message goes on, and then `needed` says how much is missing at least.

        Raises:
            FramingError: The bytes begin no message.
            LimitExceeded: The message announces itself longer than the limits allow. Both carry an offset that
                counts from the message's first byte.
        """


class Framing(ABC):
    """How a protocol marks where a message ends. Framings are immutable and shared."""

    @abstractmethod
    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        """Return a fresh scanner for one direction of one connection.

        Args:
            direction: Which way the bytes travel.
            limits: The codec's limits; the scanner raises `LimitExceeded` as soon as it sees them passed.
        """


def _magic(value: bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"magic must be bytes, not {type(value).__name__}")
    return value


@frozen
class LengthField(Framing):
    """A header with the message's length in it, as in Netty's LengthFieldBasedFrameDecoder.

    A message is `offset + length + adjustment + value` bytes long, where value is the unsigned number in the field,
    and never shorter than its own length field.

    Args:
        offset: Bytes before the length field, at least 0.
        length: Bytes of the length field: 1, 2, 3, 4 or 8.
        adjustment: Added to the length. 0 if the field counts what follows it; `-(offset + length)` if it counts the
            whole message; the size of the rest of the header if it counts the body behind that.
        byte_order: "big" or "little".
        magic: Bytes that every message begins with; a wrong one is refused at its first wrong byte. It lies
            before the length field's end.

    Raises:
        ValueError: An argument is out of its range.
    """

    offset: int
    length: int
    adjustment: int = 0
    byte_order: Literal["big", "little"] = "big"
    magic: bytes = field(default=b"", converter=_magic)

    def __attrs_post_init__(self) -> None:
        if self.offset < 0:
            raise ValueError(f"LengthField.offset must be at least 0, not {self.offset}")
        if self.length not in (1, 2, 3, 4, 8):
            raise ValueError(f"LengthField.length must be 1, 2, 3, 4 or 8 bytes, not {self.length}")
        if self.byte_order not in ("big", "little"):
            raise ValueError(f"LengthField.byte_order must be 'big' or 'little', not {self.byte_order!r}")
        if len(self.magic) > self.offset + self.length:
            raise ValueError("LengthField.magic must end before the length field does")

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _LengthFieldScanner(self, limits)


@frozen
class HeaderLength(Framing):
    """A fixed header from which a function computes the message's length (SOFA-Bolt adds up three fields).

    Args:
        size: Bytes of the header, at least 1.
        total: Given the header, returns the length of the whole message, header included. It may raise
            `FramingError` for a header that begins no message.
        magic: Bytes that every message begins with, at most `size`.

    Raises:
        ValueError: An argument is out of its range.
    """

    size: int
    total: Callable[[bytes], int]
    magic: bytes = field(default=b"", converter=_magic)

    def __attrs_post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"HeaderLength.size must be at least 1, not {self.size}")
        if len(self.magic) > self.size:
            raise ValueError("HeaderLength.magic must not be longer than the header")

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return _HeaderScanner(self.size, self.total, self.magic, limits)


class _HeaderScanner(Scanner):
    """Collects a fixed header, asks how long the message is, and counts the rest off."""

    __slots__ = ("_header", "_header_size", "_limits", "_magic", "_rest", "_total", "needed")

    def __init__(self, header_size: int, total: Callable[[bytes], int], magic: bytes, limits: Limits) -> None:
        for limit in ("max_header_size", "max_message_size"):
            if header_size > getattr(limits, limit):
                raise ValueError(f"Limits.{limit} is smaller than the protocol's {header_size}-byte header")
        self._header_size = header_size
        self._total = total
        self._magic = magic
        self._limits = limits
        self._header = bytearray()  # what came of a header that is not whole yet
        self._rest = 0  # bytes still to come of a message whose length is known
        self.needed = header_size

    def scan(self, data: bytes, start: int) -> int:
        available = len(data) - start
        if self._rest:
            used = 0
        else:
            missing = self._header_size - len(self._header)
            self._header += data[start : start + missing]
            self._check_magic()
            if available < missing:
                self.needed = missing - available
                return -1
            used = missing
            header = bytes(self._header)
            self._header.clear()
            self._rest = self._checked(self._total(header)) - self._header_size
        if available - used >= self._rest:
            end = start + used + self._rest
            self._rest = 0
            return end
        self._rest -= available - used
        self.needed = self._rest
        return -1

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
        magic, header = self._magic, self._header
        if not magic or header.startswith(magic) or magic.startswith(header):
            return
        wrong = next(i for i, (want, got) in enumerate(zip(magic, header, strict=False)) if want != got)
        raise FramingError(
            f"the message begins with {header[: wrong + 1].hex()}, not with the magic {magic.hex()}",
            offset=wrong,
            field="magic",
            hint="is this the right protocol for this port, and does the stream begin at a message?",
        )


class _LengthFieldScanner(_HeaderScanner):
    """The same for a plain number, with a way around all bookkeeping when the message is there whole."""

    __slots__ = ("_base", "_field", "_maximum", "_read")

    def __init__(self, framing: LengthField, limits: Limits) -> None:
        header_size = framing.offset + framing.length
        super().__init__(header_size, self._total_of, framing.magic, limits)
        self._field = framing
        self._base = header_size + framing.adjustment
        self._maximum = limits.max_message_size
        # A 3-byte number has no struct code, so it never takes the short way.
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

    def _total_of(self, header: bytes) -> int:
        framing = self._field
        value = int.from_bytes(header[framing.offset :], framing.byte_order)
        total = self._base + value
        if total < self._header_size:
            raise FramingError(
                f"the length field holds {value}, which makes a message of {total} bytes; the least is "
                f"{self._header_size}",
                offset=framing.offset,
                field="length",
            )
        if total > self._maximum:
            raise LimitExceeded("max_message_size", total, self._maximum, offset=framing.offset, field="length")
        return total
