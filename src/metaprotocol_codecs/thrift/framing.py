"""Where a Thrift message ends: after as many bytes as its frame says, or where its struct does."""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from metaprotocol_codecs.thrift.detection import AUTO, EMPTY_FRAME, Detection, detection_of
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE
from metaprotocol_sdk import DecodeError, Framing, FramingError, LimitExceeded, Scanner

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.protocols.skip import Skipper
    from metaprotocol_sdk import Direction, Limits

_read_u32 = Struct(">I").unpack_from


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
        return ThriftScanner(self.detection, limits)


class ThriftScanner(Scanner):
    """Finds the ends of messages, each of which may be in another transport and protocol."""

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
        "needed",
    )

    _seen: int
    """How much of the message was seen."""
    _tail: bytes
    """What of it has to be looked at again."""
    _at: int
    """Where in it to go on, which may lie behind what was seen."""
    _end: int
    """Where it ends, if its frame tells that."""
    _skipper: Skipper | None
    """What looks for its end otherwise."""

    def __init__(self, detection: Detection, limits: Limits) -> None:
        self._detection = detection
        self._limits = limits
        self._largest = limits.max_message_size
        self._first = detection.first
        self._fifth = detection.fifth
        self._begin()

    def scan(self, data: bytes, start: int) -> int:
        if not self._seen:
            # A way around all bookkeeping, for messages that are there whole.
            try:
                form = self._first[data[start]] or self._fifth[data[start + LENGTH_SIZE]]
                if form is None:
                    end = 0
                elif form.at:
                    end = start + LENGTH_SIZE + _read_u32(data, start)[0]
                elif not data[start] and data.startswith(EMPTY_FRAME, start):
                    end = 0  # a name of no bytes only where the transport is pinned, which is looked at below
                else:
                    protocol = form.protocol
                    end = protocol.flat_end(data, protocol.struct_start(data, start))
                    if end < 0:
                        end = self._skip(protocol.skipper(self._limits), data, start, ~end)
                if start + LENGTH_SIZE < end <= len(data) and end - start <= self._largest:
                    return end
            except (IndexError, struct_error, DecodeError, LimitExceeded):
                pass  # looked at again below, with care
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
        # Behind what is skipped over, at least one byte tells that the struct ends.
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
        """Return the place in the message where it ends, or 0 if that cannot be told yet.

        Args:
            look: What has come of the message from a place on.
            first: That place. Before the message it is negative.
        """
        if self._skipper is None:
            largest = self._largest
            try:
                protocol = self._detection.unframed(look, -first, largest)
                if protocol is None:
                    self._end = LENGTH_SIZE + _read_u32(look, -first)[0]
                    return self._end
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


def _framing_error(error: DecodeError, first: int) -> FramingError:
    """Return the error for a message without a frame: where it ends cannot be known."""
    return FramingError(error.message, offset=first + (error.offset or 0), field=error.field, hint=error.hint)
