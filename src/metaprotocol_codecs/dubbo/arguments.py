"""The arguments of a request: how many there are, where they end, and whether Java reads them to that end.

Dubbo 2.6 and 2.7 read on after an argument that they cannot read, from where they stopped: what comes then is their
map of attachments, although it is inside the argument. Dubbo 3 answers status 40. It can be told here of text, numbers
and bytes; of objects only the provider knows what their class can read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from metaprotocol_codecs.dubbo.hessian2 import Tables, skip_values
from metaprotocol_codecs.dubbo.hessian2.runs import LONGEST_RUN, Run, simple_values
from metaprotocol_codecs.dubbo.hessian2.skip import CLASS_DEFINITION, skip_class_definition
from metaprotocol_codecs.dubbo.hessian2.strings import read_raw_string
from metaprotocol_sdk import DecodeError

# JVM specification 4.3.2: field descriptors, one after the other.
_DESCRIPTORS = re.compile(r"(?:\[*+(?:[VZBCDFIJS]|L[^;]+;))*+")
_DESCRIPTOR = re.compile(r"\[*+(?:[VZBCDFIJS]|L[^;]+;)")
LONGEST_KNOWN = 256
"""Characters of parameter types that are remembered; longer ones are read anew."""

# A value with values inside is none of these.
_SCALARS = frozenset("ZBCDFIJS") | {"[B", "[C"}
_SCALARS |= {
    f"Ljava/lang/{name};"
    for name in ("String", "Character", "Boolean", "Byte", "Short", "Integer", "Long", "Float", "Double")
}

# What a string may begin with.
_TEXTS = frozenset(bytes((tag,)) for tag in (*range(0x20), *range(0x30, 0x34), 0x52, 0x53))
_BEYOND_JAVA = bytes(range(0xF0, 0x100))


class Parameters(NamedTuple):
    """The arguments that a parameter types string announces."""

    scalars: tuple[bool, ...]
    """For each argument, True if its type is text, a number, a boolean or bytes."""
    size: int
    """The number of arguments."""
    run: Run
    """Skips the arguments if they are simple, which most are; then Java reads them too."""


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
            f"the parameter types {types[:80]!r} are no JVM field descriptors", offset=position, field="parameter_types"
        )
    return found


def descriptors(types: str) -> list[str]:
    """Return the descriptors of a parameter types string that `parameters_of` accepts."""
    return _DESCRIPTOR.findall(types)


def skip_arguments(message: bytes, position: int, parameters: Parameters) -> tuple[int, Tables, str]:
    """Skip arguments that `Parameters.run` does not skip.

    Args:
        message: A Dubbo message.
        position: Where the first one begins.
        parameters: What there is to skip.

    Returns:
        The position after the last one; what they have numbered; and why a provider may see other attachments than
        those that come next, "" if it does not.

    Raises:
        DecodeError: The bytes are not so many values.
    """
    tables = Tables()
    unclear = ""
    for is_scalar in parameters.scalars:
        start, references = position, tables.references
        if message[start : start + 1] in _TEXTS:
            text, position = read_raw_string(message, start)
            if _java_reads_text(text):
                continue
        else:
            position = skip_values(message, start, 1, tables)
            if tables.references > references:  # what can be referred to has values inside
                if not is_scalar:
                    continue
            elif message[start] != CLASS_DEFINITION or _java_reads_after_class(message, start):
                continue
        unclear = (
            f"Java does not read the argument at {start} to its end, and providers before 3.0 take what follows in it "
            "for the attachments"
        )
    return position, tables, unclear


def _java_reads_text(text: bytes) -> bool:
    """Return whether Java knows all characters of a string; it knows those of up to three bytes."""
    # Deleting bytes is the fastest way to look for any of several.
    return text.isascii() or len(text.translate(None, _BEYOND_JAVA)) == len(text)


def _java_reads_after_class(message: bytes, start: int) -> bool:
    while message[start] == CLASS_DEFINITION:  # one may stand before any value
        start = skip_class_definition(message, start, [])
    return message[start : start + 1] not in _TEXTS or _java_reads_text(read_raw_string(message, start)[0])


def _parse(types: str) -> Parameters | None:
    if _DESCRIPTORS.fullmatch(types) is None:
        return None
    scalars = tuple(descriptor in _SCALARS for descriptor in _DESCRIPTOR.findall(types))
    size = len(scalars)
    return Parameters(scalars, size, simple_values(size) if size <= LONGEST_RUN else _no_run)


def _no_run(_data: bytes, _position: int) -> None:
    return None


known_parameters = lru_cache(1024)(_parse)
"""Returns what a string of up to `LONGEST_KNOWN` characters announces, or None if it is no descriptor."""

_NO_PARAMETERS = Parameters((), 0, simple_values(0))
