"""The arguments of a request: how many there are, where they end, and whether Java reads them to that end.

Dubbo 2.6 and 2.7 read on after an argument that they cannot read, from where they stopped: what comes then is their
map of attachments, although it is inside the argument. Dubbo 3 answers status 40. The parameter's type tells which
values without a class name Java reads to the end; of a value that names a class only the provider knows.

Source: Hessian2Input.readObject(Class) and the deserializers of hessian-lite 3.2 and Dubbo 2.6. A value of one piece
is always read to its end, if only for the text of the error. Of a list or a map that the type's deserializer does not
know it reads the first item.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from metaprotocol_codecs.hessian2 import ReferenceTables, read_type_end, skip_values
from metaprotocol_codecs.hessian2.skip import (
    CLASS_DEFINITION,
    LIST_RUN,
    LONGEST_RUN,
    Run,
    numbers,
    short_strings,
    simple_values,
    skip_class_definition,
)
from metaprotocol_codecs.hessian2.strings import raise_cut_off, read_integer
from metaprotocol_sdk import DecodeError

# JVM specification 4.3.2: field descriptors, one after the other.
_DESCRIPTORS = re.compile(r"(?:\[*+(?:[VZBCDFIJS]|L[^;]+;))*+")
_DESCRIPTOR = re.compile(r"\[*+(?:[VZBCDFIJS]|L[^;]+;)")
LONGEST_KNOWN = 256
"""Characters of parameter types that are remembered; longer ones are read anew."""

_MAP, _END, _NULL, _REFERENCE, _EMPTY_LIST = 0x48, 0x5A, 0x4E, 0x51, 0x78
_BOOLEANS = frozenset({0x54, 0x46})
_NUMBERS = frozenset({*range(0x80, 0x100), *range(0x38, 0x40), 0x49, 0x4C, 0x59, *range(0x5B, 0x60), 0x44}) | _BOOLEANS
_TEXTS = frozenset({*range(0x20), *range(0x30, 0x34), 0x52, 0x53})
_BYTES = frozenset({*range(0x20, 0x30), *range(0x34, 0x38), 0x41, 0x42})
_DATES = frozenset({0x4A, 0x4B})
_UNTYPED_LISTS = frozenset({0x57, 0x58, *range(0x78, 0x80)})
_LISTS = _UNTYPED_LISTS | {0x55, 0x56, *range(0x70, 0x78)}
_OBJECTS = frozenset({0x4D, 0x4F, *range(0x60, 0x70)})
_CONTAINERS = _LISTS | _OBJECTS | {_MAP}
_ANYTHING: frozenset[int] = frozenset(range(0x100))


class Parameter(NamedTuple):
    """The values that Java reads to the end for a parameter, or for an item of an array."""

    known: frozenset[int]
    """The type codes."""
    item: Parameter | None = None
    """The items of the array, if Java's reading can end at one of them."""
    run: Run | None = None
    """Skips `LIST_RUN` items that Java knows, which most are."""


class Parameters(NamedTuple):
    """The arguments that a parameter types string announces."""

    each: tuple[Parameter, ...]
    size: int
    """The number of arguments."""
    run: Run
    """Skips the arguments if all are of one piece, which most are; then Java reads them too."""


# An item is not read on its own: any error ends the reading of its array.
_NUMBER_ITEM = Parameter(_NUMBERS | {_NULL}, None, numbers(LIST_RUN))
_TEXT_ITEM = Parameter(_NUMBERS | _TEXTS | {_NULL}, None, short_strings(LIST_RUN))
_BYTES_ITEM = Parameter(_BYTES | {_NULL})
_OBJECT_ITEM = Parameter(_LISTS - _UNTYPED_LISTS | _OBJECTS | _DATES | {_NULL, _REFERENCE})
_MAP_ITEM = Parameter(_OBJECT_ITEM.known - _DATES | {_MAP})
_LIST_ITEM = Parameter(_OBJECT_ITEM.known - _DATES | _UNTYPED_LISTS)

_SCALAR = Parameter(_ANYTHING - _CONTAINERS)
_ANY = Parameter(_ANYTHING)
_LIST = Parameter(_ANYTHING - {_MAP})
# A list without items has no more to read.
_MAP_TYPE = Parameter(_ANYTHING - _UNTYPED_LISTS | {_EMPTY_LIST})
_OF_JAVA = Parameter(_MAP_TYPE.known - {_MAP})

_COLLECTIONS = (
    "lang/Iterable util/Collection util/List util/ArrayList util/LinkedList util/AbstractList util/Vector util/Stack "
    "util/Set util/HashSet util/LinkedHashSet util/SortedSet util/NavigableSet util/TreeSet util/Queue util/Deque "
    "util/ArrayDeque util/PriorityQueue util/concurrent/CopyOnWriteArrayList util/AbstractCollection"
)
_MAPS = (
    "util/Map util/HashMap util/LinkedHashMap util/SortedMap util/NavigableMap util/TreeMap util/Hashtable "
    "util/Properties util/AbstractMap util/WeakHashMap util/IdentityHashMap util/concurrent/ConcurrentMap "
    "util/concurrent/ConcurrentHashMap util/concurrent/ConcurrentSkipListMap"
)
_BOXES = "Boolean Byte Short Integer Long Float Double"
# By descriptor: as a parameter, and as an item of an array.
_KNOWN: dict[str, tuple[Parameter, Parameter]] = {
    **{f"Ljava/{name};": (_LIST, _LIST_ITEM) for name in _COLLECTIONS.split()},
    **{f"Ljava/{name};": (_MAP_TYPE, _MAP_ITEM) for name in _MAPS.split()},
    **{f"Ljava/lang/{name};": (_SCALAR, _NUMBER_ITEM) for name in _BOXES.split()},
    **dict.fromkeys("ZSIJFD", (_SCALAR, _NUMBER_ITEM)),
    **dict.fromkeys(("Ljava/lang/String;", "Ljava/lang/Character;", "C", "[C"), (_SCALAR, _TEXT_ITEM)),
    "[B": (_SCALAR, _BYTES_ITEM),
    "B": (_SCALAR, _NUMBER_ITEM),
    "V": (_SCALAR, _NUMBER_ITEM),
    "Ljava/lang/Object;": (_ANY, _ANY),
}


def parameters_of(types: str | None, position: int) -> Parameters:
    """Return what a parameter types descriptor announces.

    Args:
        types: JVM field descriptors, one after the other; null announces none.
        position: Where the body begins, for the error.

    Raises:
        DecodeError: It is no such descriptor. Guessing here would let a client shift what a mesh takes for the
            attachments.
    """
    if not types:
        return _NO_PARAMETERS
    found = known_parameters(types) if len(types) <= LONGEST_KNOWN else _parse(types)
    if found is None:
        raise DecodeError(
            f"the parameter types {types[:80]!r} are not JVM field descriptors",
            offset=position,
            field="parameter_types",
        )
    return found


def descriptors(types: str) -> list[str]:
    """Return the descriptors of a parameter types string that `parameters_of` accepts."""
    return _DESCRIPTOR.findall(types)


def skip_arguments(message: bytes, position: int, parameters: Parameters) -> tuple[int, ReferenceTables, str]:
    """Skip arguments that `Parameters.run` does not skip.

    Args:
        message: A Dubbo message.
        position: Where the first one begins.
        parameters: The arguments to skip.

    Returns:
        The position after the last one; what they have numbered; and why a provider may see other attachments than
        those that come next, "" if it does not.

    Raises:
        DecodeError: The bytes are not so many values.
    """
    tables = ReferenceTables()
    unclear = ""
    for parameter in parameters.each:
        start = position
        if parameter.item is not None and message[start : start + 1] in _LIST_STARTS:
            position, known = _skip_array(message, start, parameter, tables)
        else:
            position = skip_values(message, start, 1, tables)
            known = message[tables.first] in parameter.known
        if not known or tables.beyond_java:
            unclear = unclear or (
                f"Java does not read the argument at {start} to its end, and providers before 3.0 take what follows in "
                "it for the attachments"
            )
    return position, tables, unclear


_LIST_STARTS = frozenset(bytes((tag,)) for tag in _LISTS | {CLASS_DEFINITION})


def _skip_array(message: bytes, position: int, parameter: Parameter, tables: ReferenceTables) -> tuple[int, bool]:
    """Skip the argument of an array parameter, and return True if Java knows each of its items too."""
    known = True
    # For each array that has begun: the number of items still to come, -1 if it ends with a mark, and what they are.
    pending: list[tuple[int, Parameter]] = [(1, parameter)]
    start = position
    try:
        while pending:
            count, item = pending.pop()
            if not count:
                continue
            if count < 0 and message[position] == _END:
                position += 1
                continue
            if count >= LIST_RUN and item.run is not None and (match := item.run(message, position)) is not None:
                position = match.end()
                pending.append((count - LIST_RUN, item))
                continue
            pending.append((count - 1 if count > 0 else count, item))
            start = position
            while message[position] == CLASS_DEFINITION:
                position = skip_class_definition(message, position, tables.field_counts)
            tag = message[position]
            known = known and tag in item.known
            if item.item is not None and tag in _LISTS:
                count, position = _list_head(message, position, tag, tables)
                pending.append((count, item.item))
            else:
                position = skip_values(message, position, 1, tables)
    except IndexError:
        raise_cut_off(message, start, "value")
    return position, known


def _list_head(message: bytes, position: int, tag: int, tables: ReferenceTables) -> tuple[int, int]:
    """Number a list, and return its length, -1 if it ends with a mark, and the position of its first item."""
    tables.references += 1
    start = position
    position += 1
    if tag not in _UNTYPED_LISTS:
        position = read_type_end(message, position, tables)
    if tag in (0x55, 0x57):
        return -1, position
    if tag in (0x56, 0x58):
        length, position = read_integer(message, position)
        if length < 0:
            raise DecodeError(f"a list has the length {length}", offset=start)
        return length, position
    return tag & 7, position


def _parse(types: str) -> Parameters | None:
    if _DESCRIPTORS.fullmatch(types) is None:
        return None
    each = tuple(_parameter(descriptor)[0] for descriptor in _DESCRIPTOR.findall(types))
    size = len(each)
    return Parameters(each, size, simple_values(size) if size <= LONGEST_RUN else _no_run)


def _parameter(descriptor: str) -> tuple[Parameter, Parameter]:
    """Return what Java reads for a descriptor as a parameter, and as an item of an array."""
    dimensions = 0
    while descriptor not in _KNOWN and descriptor.startswith("["):
        descriptor = descriptor[1:]
        dimensions += 1
    pair = _KNOWN.get(descriptor)
    if pair is None:
        of_java = descriptor.startswith(("Ljava/", "Ljavax/"))
        pair = (_OF_JAVA, _OBJECT_ITEM) if of_java else (_MAP_TYPE, _MAP_ITEM)
    for _ in range(dimensions):
        item = None if pair[1] is _ANY else pair[1]
        pair = Parameter(_LIST.known, item), Parameter(_LIST_ITEM.known, item)
    return pair


def _no_run(_data: bytes, _position: int) -> None:
    return None


known_parameters = lru_cache(1024)(_parse)
"""Returns what a string of up to `LONGEST_KNOWN` characters announces, or None if it is not a descriptor."""

_NO_PARAMETERS = Parameters((), 0, simple_values(0))
