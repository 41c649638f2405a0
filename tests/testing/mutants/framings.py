"""Scanners with one fault, in a codec that is otherwise AwesomeRPC's."""

from attrs import frozen
from mutants.mutant import Mutant, collect

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Framing, FramingError, LengthField, LimitExceeded, Limits, Scanner

FRAMINGS: list[Mutant] = []
fails = collect(FRAMINGS)

HEADER_SIZE = 18


class Sound(Scanner):
    """AwesomeRPC's scanner, written by hand; the mutants below change one thing."""

    def __init__(self, limits: Limits) -> None:
        self.maximum = limits.max_message_size
        self.begin()

    def begin(self) -> None:
        self.seen = b""
        self.rest = 0

    def total(self, header: bytes) -> int:
        return int.from_bytes(header[8:12])

    def scan(self, data: bytes, start: int) -> int:
        at = start
        if not self.rest:
            at = min(len(data), start + 12 - len(self.seen))
            self.seen += data[start:at]
            self.check_magic()
            if len(self.seen) < 12:
                self.needed = 12 - len(self.seen)
                return -1
            self.rest = self.checked(self.total(self.seen)) - 12
        used = min(self.rest, len(data) - at)
        self.rest -= used
        if self.rest:
            self.needed = self.rest
            return -1
        self.begin()
        return at + used

    def check_magic(self) -> None:
        if not b"AR".startswith(self.seen[:2]):
            raise FramingError("no magic", offset=0 if self.seen[:1] != b"A" else 1)

    def checked(self, total: int) -> int:
        if total < 12:
            raise FramingError("the length is less than the header's", offset=8)
        if total > self.maximum:
            raise LimitExceeded("max_message_size", total, self.maximum, offset=8)
        return total


@frozen
class By(Framing):
    """A framing by one of these scanners."""

    kind: type[Scanner]

    def scanner(self, direction: Direction, limits: Limits) -> Scanner:
        return self.kind(limits)


class SoundScanner(AwesomeRpcCodec):
    """No mutant: shows that the scanner above is good."""

    framing = By(Sound)


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-002",
    "MP-FRAMING-003",
    "MP-FRAMING-004",
    "MP-FRAMING-005",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class LengthReadAsTwoBytes(AwesomeRpcCodec):
    framing = LengthField(offset=8, length=2, adjustment=-10, magic=b"AR")


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-002",
    "MP-FRAMING-003",
    "MP-FRAMING-004",
    "MP-FRAMING-005",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class LengthInTheWrongByteOrder(AwesomeRpcCodec):
    framing = LengthField(offset=8, length=4, adjustment=-12, byte_order="little", magic=b"AR")


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-002",
    "MP-FRAMING-004",
    "MP-CONNECTION-001",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class LengthThatCountsTheHeaderTwice(AwesomeRpcCodec):
    framing = LengthField(offset=8, length=4, magic=b"AR")


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-001",
    "MP-STREAM-002",
    "MP-CONNECTION-001",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class UsesNoByte(AwesomeRpcCodec):
    class Broken(Sound):
        def scan(self, data: bytes, start: int) -> int:
            return start if super().scan(data, start) > 0 else -1

    framing = By(Broken)


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-FRAMING-004",
    "MP-CONNECTION-001",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class ReadsOneByteTooMany(AwesomeRpcCodec):
    class Broken(Sound):
        def total(self, header: bytes) -> int:
            return super().total(header) + 1

    framing = By(Broken)


@fails(
    "MP-FRAMING-001",
    "MP-FRAMING-002",
    "MP-STREAM-002",
    "MP-FRAMING-003",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-REPLY-002",
    "MP-REPLY-006",
    "MP-HEARTBEAT-001",
    "MP-CONNECTION-002",
)
class StopsOneByteEarly(AwesomeRpcCodec):
    class Broken(Sound):
        def total(self, header: bytes) -> int:
            return super().total(header) - 1

    framing = By(Broken)


@fails("MP-FRAMING-002", "MP-MUTATION-010", "MP-TEXT-001", "MP-CONNECTION-002")
class KeepsTheHeaderOfTheMessageBefore(AwesomeRpcCodec):
    class Broken(Sound):
        def begin(self) -> None:
            self.seen = getattr(self, "seen", b"")
            self.rest = 0

    framing = By(Broken)


@fails("MP-STREAM-001", "MP-STREAM-002", "MP-FRAMING-003", "MP-FRAMING-004", "MP-CONNECTION-001", "MP-CONNECTION-002")
class WantsTheHeaderInOnePiece(AwesomeRpcCodec):
    """The fault of Aeraki's AwesomeRPC and bRPC codecs: they abort on a header in two reads."""

    class Broken(Sound):
        def scan(self, data: bytes, start: int) -> int:
            if not self.rest and len(data) - start < 12:
                raise FramingError("the header is incomplete", offset=0)
            return super().scan(data, start)

    framing = By(Broken)


@fails("MP-STREAM-001", "MP-STREAM-002", "MP-CONNECTION-001", "MP-CONNECTION-002")
class ForgetsWhatItHasSeen(AwesomeRpcCodec):
    class Broken(Sound):
        def scan(self, data: bytes, start: int) -> int:
            if not self.rest:
                self.seen = b""
            return super().scan(data, start)

    framing = By(Broken)


@fails("MP-FRAMING-004")
class AsksForTooMuch(AwesomeRpcCodec):
    class Broken(Sound):
        def scan(self, data: bytes, start: int) -> int:
            end = super().scan(data, start)
            self.needed += 1
            return end

    framing = By(Broken)


@fails(
    "MP-FRAMING-002",
    "MP-STREAM-001",
    "MP-STREAM-002",
    "MP-FRAMING-005",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    "MP-CONNECTION-002",
)
class LooksAtBytesThatAreGone(AwesomeRpcCodec):
    class Broken(Sound):
        def scan(self, data: bytes, start: int) -> int:
            return super().scan(data, 0) if start and not self.rest and not self.seen else super().scan(data, start)

    framing = By(Broken)


@fails("MP-CONNECTION-001")
class OneScannerForAllConnections(AwesomeRpcCodec):
    def __init__(self) -> None:
        super().__init__()
        scanners = {direction: Sound(self.limits) for direction in Direction}

        class Shared(Framing):
            def scanner(self, direction: Direction, limits: Limits) -> Scanner:
                return scanners[direction]

        self.framing = Shared()

    def __repr__(self) -> str:
        return "OneScannerForAllConnections()"


@fails("MP-STREAM-002")
class BlamesThePiece(AwesomeRpcCodec):
    class Broken(Sound):
        def check_magic(self) -> None:
            if len(self.seen) >= 2 and not self.seen.startswith(b"AR"):
                raise FramingError("no magic", offset=len(self.seen))

    framing = By(Broken)


@fails("MP-COST-001", "MP-COST-005")
class SearchesFromTheBeginning(AwesomeRpcCodec):
    class Broken(Sound):
        def begin(self) -> None:
            super().begin()
            self.all = b""

        def scan(self, data: bytes, start: int) -> int:
            before = self.all
            self.all += data[start:]
            for at in range(0, len(self.all), 2):
                if self.all.startswith(b"no such thing", at):
                    raise FramingError("nobody sends this", offset=at)
            end = super().scan(data, start)
            if end >= 0:
                self.all = b""
            del before
            return end

    framing = By(Broken)


@fails("MP-COST-001", "MP-COST-005")
class CopiesWhatItHasWithEveryPiece(AwesomeRpcCodec):
    class Broken(Sound):
        def begin(self) -> None:
            super().begin()
            self.all = b""

        def scan(self, data: bytes, start: int) -> int:
            self.all = bytes(bytearray(b"".join([self.all, data[start:]])))
            return super().scan(data, start)

    framing = By(Broken)
