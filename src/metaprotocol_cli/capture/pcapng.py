"""pcapng: blocks, sections, and interfaces that each have their own link type and clock."""

from __future__ import annotations

from struct import Struct, unpack
from typing import TYPE_CHECKING, Literal, NamedTuple

from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.source import MAX_FRAME, Frame, Source, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION_HEADER = 0x0A0D0D0A  # the same in both byte orders
_INTERFACE_DESCRIPTION = 1
_OLD_PACKET = 2
_SIMPLE_PACKET = 3
_ENHANCED_PACKET = 6
_KNOWN = {_SECTION_HEADER, _INTERFACE_DESCRIPTION, _OLD_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET}

_OPTION_TIME_RESOLUTION = 9
_OPTION_TIME_OFFSET = 14

_MAX_BLOCK = 16_777_216  # bytes, as in Wireshark; blocks that are not read may be longer
_MAX_INTERFACES = 4096  # so that a file that holds only interfaces does not fill the memory
_DAMAGED = "what comes before was read; the file is damaged here"


class _Interface(NamedTuple):
    link_type: int
    snap_length: int  # 0: none
    ticks_per_second: int
    time_offset: int  # seconds


def read_pcapng(source: Source) -> Iterator[Frame]:
    """Read the frames of a pcapng file whose first block type, 4 bytes, has been read.

    Raises:
        CaptureError: The file is damaged or cut off. The frames before the damage come first.
    """
    order: Literal["<", ">"] = "<"
    interfaces: list[_Interface] = []
    kind = _SECTION_HEADER
    while True:
        start = source.position - 4
        if kind == _SECTION_HEADER:
            order, interfaces = _read_section_header(source, start), []
        else:
            size = _block_size(source.read_exactly(4, "a block's header"), order, start) - 12
            if kind not in _KNOWN:
                source.skip(size + 4, "a block")
            else:
                body = _read_body(source, size, order, start)
                if kind == _INTERFACE_DESCRIPTION:
                    if len(interfaces) >= _MAX_INTERFACES:
                        raise CaptureError(f"the section has more than {_MAX_INTERFACES:,} interfaces", offset=start)
                    interfaces.append(_interface(body, order, start))
                else:
                    yield _frame(kind, body, order, interfaces, start)
        head = source.read(4)
        if not head:
            return
        if len(head) < 4:
            raise source.cut("a block's header", 4 - len(head))
        kind = _unsigned(head, order)


def _read_section_header(source: Source, start: int) -> Literal["<", ">"]:
    size = source.read_exactly(4, "the section header")
    magic = source.read_exactly(4, "the section header")
    order: Literal["<", ">"]
    if magic == b"\x4d\x3c\x2b\x1a":
        order = "<"
    elif magic == b"\x1a\x2b\x3c\x4d":
        order = ">"
    else:
        raise CaptureError(f"a section's byte order is given as {magic.hex(' ')}", offset=start + 8, hint=_DAMAGED)
    body = _read_body(source, _block_size(size, order, start) - 16, order, start)
    if len(body) < 12:
        raise _too_short("the section header", start)
    if (major := int(unpack(order + "H", body[:2])[0])) != 1:
        raise CaptureError(f"the section has version {major} of pcapng, and only 1 is known", offset=start + 12)
    return order


def _block_size(data: bytes, order: Literal["<", ">"], start: int) -> int:
    size = _unsigned(data, order)
    if size < 12 or size % 4:
        raise CaptureError(
            f"a block claims {size:,} bytes, and every block has a multiple of 4 and at least 12",
            offset=start + 4,
            hint=_DAMAGED,
        )
    return size


def _read_body(source: Source, size: int, order: Literal["<", ">"], start: int) -> bytes:
    """Read the body of a block and its closing length, which must equal the opening one."""
    if size < 0:
        raise _too_short("the section header", start)
    if size > _MAX_BLOCK:
        raise CaptureError(
            f"a block claims {size:,} bytes, more than the {_MAX_BLOCK:,} that are read", offset=start, hint=_DAMAGED
        )
    body = source.read_exactly(size, "a block")
    closing = _unsigned(source.read_exactly(4, "a block"), order)
    if closing != source.position - start:
        raise CaptureError(
            f"a block of {source.position - start:,} bytes ends with the length {closing:,}",
            offset=source.position - 4,
            hint=_DAMAGED,
        )
    return body


def _interface(body: bytes, order: Literal["<", ">"], start: int) -> _Interface:
    if len(body) < 8:
        raise _too_short("an interface description", start)
    link_type, _, snap_length = unpack(order + "HHI", body[:8])
    ticks_per_second, time_offset = 1_000_000, 0
    position, option = 8, Struct(order + "HH")
    while position + 4 <= len(body):
        code, size = option.unpack_from(body, position)
        value = body[position + 4 : position + 4 + size]
        if code == 0:
            break
        if code == _OPTION_TIME_RESOLUTION and len(value) == 1:
            ticks_per_second = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
        elif code == _OPTION_TIME_OFFSET and len(value) == 8:
            time_offset = unpack(order + "q", value)[0]
        position += 4 + size + -size % 4
    return _Interface(link_type, snap_length, ticks_per_second, time_offset)


def _frame(kind: int, body: bytes, order: Literal["<", ">"], interfaces: list[_Interface], start: int) -> Frame:
    header = 4 if kind == _SIMPLE_PACKET else 20
    if len(body) < header:
        raise _too_short("a packet block", start)
    number = high = low = 0
    if kind == _SIMPLE_PACKET:  # of the first interface, without a time
        (length,) = unpack(order + "I", body[:4])
        size = min(length, len(body) - 4)
    elif kind == _ENHANCED_PACKET:
        number, high, low, size, length = unpack(order + "5I", body[:20])
    else:
        number, _, high, low, size, length = unpack(order + "HH4I", body[:20])
    if number >= len(interfaces):
        raise CaptureError(f"a packet is of interface {number:,}, which is not described", offset=start, hint=_DAMAGED)
    interface = interfaces[number]
    if kind == _SIMPLE_PACKET and interface.snap_length:
        size = min(size, interface.snap_length)
    if size > min(len(body) - header, MAX_FRAME):
        raise CaptureError(
            f"a packet claims {size:,} captured bytes in a block that holds {len(body) - header:,}, "
            f"where {MAX_FRAME:,} are the most",
            offset=start,
            hint=_DAMAGED,
        )
    timestamp = nanoseconds(high << 32 | low, interface.ticks_per_second, interface.time_offset)
    return Frame(
        0 if kind == _SIMPLE_PACKET else timestamp,
        interface.link_type,
        body[header : header + size],
        max(size, length),
    )


def _unsigned(data: bytes, order: Literal["<", ">"]) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")


def _too_short(what: str, start: int) -> CaptureError:
    return CaptureError(f"the block of {what} is too short", offset=start, hint=_DAMAGED)
