"""The skippers of Thrift's protocols, as far as they have it in common.

A skipper walks over one struct and finds its end without building a value. It takes the bytes in pieces of any size,
does not recurse, and keeps only the containers that are open at its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from struct import error as struct_error
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_sdk import DecodeError, LimitExceeded

if TYPE_CHECKING:
    import re

    from metaprotocol_sdk import Limits

STOP = 0
"""The type of what ends a struct."""
CUT = -1
"""Stands for the type of a field that is not all there."""
BATCH = 16
"""The number of items of a container that are skipped at once."""

# An open container is one number: the items to come, times ONE, plus the types of the items: the low byte is the type
# of keys, the next that of values. A map of n entries has 2n items, so that an odd number means that
# a value comes; in a list both types are the same. Type 0 stands for structs in structs, and the number is how many
# of them are open.
ONE = 1 << 16
TYPES = ONE - 1
STRUCTS = 0


Match = Callable[[bytes, int], "re.Match[bytes] | None"]
MatchAny = Callable[[bytes, int], "re.Match[bytes]"]
"""The `match` of a pattern that always matches, if only the empty string."""


class Skipper(ABC):
    """Skips one struct, or one value of another type; with JSON, one message.

    Args:
        limits: `max_message_size` bounds every declared size, and `max_elements` the number of containers that are open
            at a time. That does not bound the depth: structs in structs take no memory, nor does a container at its
            last item. Servers differ in the depth they accept (Go 64, Java as much as its stack holds), and none
            comes near the default.
        kind: The type of the value, by the protocol's number; by default a struct.
    """

    __slots__ = ("_limits", "_stack", "_top", "base", "done")

    def __init__(self, limits: Limits, kind: int = STRUCTS) -> None:
        self._limits = limits
        self._top = ONE | kind << 8 | kind
        self._stack = [0]
        self.base = 0
        """The index in the message of the data's first byte; may be set between runs."""
        self.done = False

    @abstractmethod
    def run(self, data: bytes, position: int) -> int:
        """Go on at a position, as far as the data reaches.

        Args:
            data: The bytes of the message from `base` on.
            position: The index at which the last run stopped; nothing is done if it lies after the data.

        Returns:
            The end of the struct if `done` is now set. Otherwise the index at which the next run goes on, which may
            lie after the data; the bytes before it are no longer needed.

        Raises:
            DecodeError: The bytes are not a struct.
            LimitExceeded: A size passes the limits. The offsets of both count from the data's first byte.
        """

    def check_size(self, count: int, position: int, width: int = 1) -> None:
        """Check a number of items, each of at least `width` bytes, the first of which begins at a position."""
        if not 0 <= count < 1 << 31:
            raise DecodeError(f"a size is {count:,}, and must be 0 to 2,147,483,647", offset=position, field="size")
        total = self.base + position + count * width
        largest = self._limits.max_message_size
        if total > largest:
            raise LimitExceeded("max_message_size", total, largest, offset=position, field="size")

    def _push(self, top: int, position: int) -> None:
        """Remember the container around one that begins before a position."""
        most = self._limits.max_elements
        if len(self._stack) > most:
            raise LimitExceeded("max_elements", most + 1, most, offset=position)
        self._stack.append(top)


@frozen
class Structs:
    """The way in which binary or compact, whose types are numbers, writes structs; the skipper checks sizes."""

    type_names: Mapping[int, str]
    """The types, by number; all but `STOP`."""
    struct: int
    map: int
    widths: bytes
    """Bytes of a value of each type in a container; 0 where the bytes themselves tell it."""
    scalars: bytes
    """By type: whether a value holds no others."""
    simple: bytes
    """By the first byte of a field: whether `plain_fields` may match it."""
    containers: bytes
    """By the first byte of a field: the type of a container whose value comes after `head_size` bytes, or 0."""
    head_size: int
    plain_fields: MatchAny
    """Matches fields whose size a pattern can tell, and the end of the struct as group 1."""
    batches: Mapping[int, Match]
    """Match `BATCH` items, by the types of an open container."""
    skip_scalar_fields: Callable[[Skipper, bytes, int], tuple[int, int, int]]
    """Steps over the fields of a struct that hold no others.

    Returns the type of the next field, a container, or `STOP`; the index at which that field begins; and the index of
    its value. The type is `CUT` where the data ends inside a field.
    """
    skip_scalar_items: Callable[[Skipper, bytes, int, int], tuple[int, int, bool]]
    """Steps over the items of an open container up to one that holds others, or to the container's end.

    Returns the index that was reached, the number of the open container, and True if the data ends inside an item.
    """
    list_head: Callable[[bytes, int], tuple[int, int, int]]
    """Reads the head of a list or a set: its size, the type of its items, and the index after it."""
    map_head: Callable[[bytes, int], tuple[int, int, int, int]]
    """Reads the head of a map: its size, the types of keys and values, and the index after it."""


def run_of(structs: Structs) -> Callable[[Skipper, bytes, int], int]:
    """Return the method `run` of the skipper of a protocol.

    It finds what the protocol tells it in variables of this function, since looking up attributes of an object takes a
    fifth of the time of a short struct. Scalars are stepped over in a row, as a call for each would cost more than the
    step.
    """
    type_names, struct, map_type = structs.type_names, structs.struct, structs.map
    widths, scalars = structs.widths, structs.scalars
    simple, containers, head_size = structs.simple, structs.containers, structs.head_size
    plain_fields, batches = structs.plain_fields, structs.batches
    skip_scalar_fields, skip_scalar_items = structs.skip_scalar_fields, structs.skip_scalar_items
    list_head, map_head = structs.list_head, structs.map_head

    def begin(items: int, key: int, item: int, start: int) -> int:
        """Return the number for an open container with so many items of these types."""
        for kind in (key, item):
            if kind not in type_names:
                raise DecodeError(f"no item has the type {kind}", offset=start, field="type")
        return items * ONE | item << 8 | key

    def run(self: Skipper, data: bytes, position: int) -> int:
        top, stack = self._top, self._stack
        size = len(data)
        # Patterns are tried at the beginning of a container; after it, single steps are faster.
        fields_at_once = items_at_once = True
        try:
            while top and position <= size:
                types = top & TYPES
                if types == STRUCTS:
                    if fields_at_once:
                        fields_at_once = False
                        if simple[data[position]]:
                            fields = plain_fields(data, position)
                            position = fields.end()
                            if fields.lastindex:
                                top = top - ONE or stack.pop()
                                continue
                    lead = data[position]
                    kind = containers[lead]
                    start = position + head_size
                    if not kind:
                        if lead != STOP:
                            kind, position, start = skip_scalar_fields(self, data, position)
                            if kind == CUT:
                                break
                        if kind == STOP:
                            position += 1
                            top = top - ONE or stack.pop()
                            continue
                else:
                    if items_at_once and top >= BATCH * ONE:
                        items = batches[types](data, position) if types in batches else None
                        if items:
                            position = items.end()
                            top -= BATCH * ONE
                            if top < ONE:
                                top = stack.pop()
                            continue
                        items_at_once = False
                    kind = types >> 8 if top & ONE else types & 0xFF
                    if scalars[kind]:
                        position, top, is_cut = skip_scalar_items(self, data, position, top)
                        if is_cut:
                            break
                        if top < ONE:
                            top = stack.pop()
                            continue
                        kind = types >> 8 if top & ONE else types & 0xFF
                    start = position
                begun = 0
                if kind == struct:
                    begun, end = ONE, start
                    fields_at_once = True
                else:
                    if kind == map_type:
                        count, key, item, end = map_head(data, start)
                        width = widths[key] and widths[item] and widths[key] + widths[item]
                        least, items_begun = 2, 2 * count
                    else:
                        count, item, end = list_head(data, start)
                        key, width = item, widths[item]
                        least, items_begun = 1, count
                    if count >> 16:
                        self.check_size(count, end, width or least)
                    if width:
                        end += count * width
                    elif count:
                        begun = begin(items_begun, key, item, start)
                        items_at_once = True
                if types != STRUCTS:
                    top -= ONE
                    if top < ONE:  # a container is forgotten before its last item
                        top = stack.pop()
                if begun == ONE and top and not top & TYPES:
                    top += ONE
                elif begun:
                    self._push(top, position)
                    top = begun
                position = end
        except (IndexError, struct_error):
            pass  # the data ends inside a head, which is read again when there is more
        self._top = top
        self.done = not top
        return position

    return run


def short_strings() -> bytes:
    """Return a pattern of a length byte of 0 to 63 and as many bytes."""
    groups = []
    for low in range(0, 64, 8):
        strings = b"|".join(rb"\x%02x.{%d}" % (length, length) for length in range(low, low + 8))
        groups.append(rb"(?=[\x%02x-\x%02x])(?:%s)" % (low, low + 7, strings))
    return b"(?:" + b"|".join(groups) + b")"


def batch_of(item: bytes) -> bytes:
    """Return a pattern of `BATCH` items."""
    return b"(?:%b){%d}+" % (item, BATCH)
