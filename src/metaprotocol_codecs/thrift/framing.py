"""Finds the end of a Thrift message: its frame tells the length; without a frame, it is the end of its struct."""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from metaprotocol_codecs.thrift.detection import AUTO, EMPTY_FRAME, HEADER_FORM, Detection, detection_of
from metaprotocol_codecs.thrift.theader.header import FIXED_SIZE, LENGTH_SIZE, MAGIC, WORD
from metaprotocol_sdk import DecodeError, Direction, Framing, FramingError, LimitExceeded, Scanner

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.detection import Form
    from metaprotocol_codecs.thrift.protocols.skip import Skipper
    from metaprotocol_sdk import Limits

_read_u32 = Struct(">I").unpack_from
_read_words = Struct(">12xH").unpack_from
_MAGIC = MAGIC.to_bytes(2)
_NOTHING: list[Form | None] = [None] * 256


@frozen
class ThriftFraming(Framing):
    """The framing of Thrift, in every transport and protocol or in one of them.

    Args:
        transport: "framed", "unframed", "header" or "auto".
        protocol: "binary", "compact", "json" or "auto".
    """

    transport: str = AUTO
    protocol: str = AUTO
    detection: Detection = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: detection_of(self.transport, self.protocol), takes_self=True),
    )

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return ThriftScanner(self.detection, limits, direction)


class ThriftScanner(Scanner):
    """Finds the ends of messages, each of which may be in another transport and protocol.

    On the way to a server, a header without a message must be the last: C++ clients send one when they close the
    connection. Servers of Go would serve the next call with its keys, or without any, whatever that call's own keys
    are, so nothing may follow.
    """

    __slots__ = (
        "_at",
        "_detection",
        "_end",
        "_fifth",
        "_first",
        "_largest",
        "_limits",
        "_seen",
        "_skipper",
        "_tail",
        "_to_server",
        "needed",
    )

    _seen: int
    """The bytes of the message that were seen."""
    _tail: bytes
    """The last of them, which have to be looked at again."""
    _at: int
    """The index in the message at which to go on; it may lie after the bytes that were seen."""
    _end: int
    """The index after the message, if its frame tells that; 0 if it is not known yet."""
    _skipper: Skipper | None
    """The skipper that looks for the end of a message without a frame."""

    def __init__(self, detection: Detection, limits: Limits, direction: Direction) -> None:
        self._to_server = direction is Direction.TO_SERVER and HEADER_FORM in detection.fifth
        self._detection = detection
        self._limits = limits
        self._largest = limits.max_message_size
        self._first = detection.first
        self._fifth = detection.fifth
        self._begin()

    def scan(self, data: bytes, start: int) -> int:
        if not self._seen:
            # A shortcut past all bookkeeping, for messages that have come whole.
            try:
                form = self._first[data[start]] or self._fifth[data[start + LENGTH_SIZE]]
                if form is None:
                    end = 0
                elif form is HEADER_FORM and self._to_server:
                    size = LENGTH_SIZE + _read_u32(data, start)[0]
                    # A header alone is looked at below.
                    end = start + size if size != FIXED_SIZE + WORD * _read_words(data, start)[0] else 0
                elif form.at:
                    end = start + LENGTH_SIZE + _read_u32(data, start)[0]
                elif not data[start] and data.startswith(EMPTY_FRAME, start):
                    end = 0  # an empty name only where the transport is pinned, which is looked at below
                else:
                    protocol = form.protocol
                    end = protocol.flat_end(data, protocol.struct_start(data, start))
                    if end < 0:
                        end = self._skip(protocol.skipper(self._limits), data, start, ~end)
                if start + LENGTH_SIZE < end <= len(data) and end - start <= self._largest:
                    return end
            except (IndexError, struct_error, DecodeError, LimitExceeded):
                pass  # looked at again below, with care
            if self._first is _NOTHING:
                raise FramingError(
                    "a message follows a header without one, whose keys a server of Go would take for those of this "
                    "message; C++ clients send such a header last",
                    offset=0,
                )
        look, first = data, self._seen - start
        if self._tail:
            look, first = self._tail + data[start:], self._seen - len(self._tail)
        end = self._end or self._find_end(look, first)
        seen = self._seen + len(data) - start
        if end and end <= seen:
            end += start - self._seen
            self._begin()
            return end
        self._seen = seen
        self._tail = b"" if end else look[self._at - first :]
        # After the bytes that are skipped, at least one tells that the struct ends.
        self.needed = end - seen if end else max(self._at - seen, 0) + 1
        return -1

    def _begin(self) -> None:
        """Expect a new message."""
        self._seen = self._at = self._end = 0
        self._tail = b""
        self._skipper = None
        self.needed = 1

    def _skip(self, skipper: Skipper, data: bytes, start: int, at: int) -> int:
        """Return the end of a message that begins at `start`, and the rest of its struct at `at`; -1 if it is cut."""
        skipper.base = -start
        end = skipper.run(data, at)
        return end if skipper.done else -1

    def _find_end(self, look: bytes, first: int) -> int:
        """Return the index after the message, or 0 if it cannot be told yet.

        Args:
            look: The bytes that have come from an index of the message on.
            first: That index. Before the message it is negative.
        """
        if self._skipper is None:
            largest = self._largest
            try:
                protocol = self._detection.unframed(look, -first, largest)
                if protocol is None:
                    end: int = LENGTH_SIZE + _read_u32(look, -first)[0]
                    if (
                        self._to_server
                        and end > FIXED_SIZE
                        and self._fifth[look[LENGTH_SIZE - first]] is HEADER_FORM
                        and _is_header_alone(look, -first, end)
                    ):
                        self._first = self._fifth = _NOTHING
                    self._end = end
                    return end
                self._at = protocol.struct_start(look, -first) + first
            except (IndexError, struct_error):
                return 0
            except DecodeError as error:
                raise _framing_error(error, first) from None
            if self._at > largest:
                raise LimitExceeded("max_message_size", self._at, largest, offset=0, field="name")
            self._skipper = protocol.skipper(self._limits)
        self._skipper.base = first
        try:
            self._at = self._skipper.run(look, self._at - first) + first
        except DecodeError as error:
            raise _framing_error(error, first) from None
        except LimitExceeded as error:
            error.offset = first + (error.offset or 0)
            raise
        return self._at if self._skipper.done else 0


def _is_header_alone(data: bytes, start: int, size: int) -> bool:
    """Return True if a frame with a header ends where the header does.

    Raises:
        struct.error: The data ends before the header tells its size.
    """
    words: int = _read_words(data, start)[0]
    return data.startswith(_MAGIC, start + LENGTH_SIZE) and words > 0 and size == FIXED_SIZE + WORD * words


def _framing_error(error: DecodeError, first: int) -> FramingError:
    """Return the error for a message without a frame, whose end cannot be known."""
    return FramingError(error.message, offset=first + (error.offset or 0), field=error.field, hint=error.hint)
