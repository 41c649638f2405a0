"""Skips runs of simple values of Hessian 2.0 with one call of the regular expression engine.

Simple is a value that holds no other and is short: a number, a date, a boolean, null, and strings of up to 63 ASCII
characters and binaries of up to 15 bytes. Possessive quantifiers keep the engine from ever going back, so a run that is
not simple throughout costs no more than a look at its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

Run = Callable[[bytes, int], re.Match[bytes] | None]
"""Given data and where the values begin, returns a match that ends after them, or None if they are not all simple."""

LONGEST_RUN = 64
"""The most values that one pattern skips; there is a pattern for each number up to it, and no more of them."""

LIST_RUN = 16
"""The number of elements of a list that are skipped together."""


# A pattern for each size: the engine passes by those that begin with another byte faster than it looks ahead.
_SHORT = b"|".join(rb"\x%02x[\x00-\x7f]{%d}" % (size, size) for size in range(32))
_LONGER = b"|".join(rb"\x%02x[\x00-\x7f]{%d}" % (size, size) for size in range(32, 64))
_STRING = rb"%s|\x30(?:%s)" % (_SHORT, _LONGER)
_BINARY = b"|".join(rb"\x%02x.{%d}" % (0x20 + size, size) for size in range(16))
_NUMBER = b"|".join(
    (
        rb"[\x80-\xbf\xd8-\xefNTF\x5b\x5c]",  # int and long of 1 byte, null, true, false, 0.0, 1.0
        rb"[LD].{8}",  # long, double
        rb"[IY\x5f].{4}",  # int, long of 4 bytes, double in thousandths
        rb"[\xc0-\xcf\xf0-\xff\x5d].",  # int, long and double of 2 bytes
        rb"[\xd0-\xd7\x38-\x3f\x5e]..",  # int, long and double of 3 bytes
    )
)
# Dates go with the numbers of their size: the engine looks at one branch after the other, and most values are strings.
_VALUE = b"|".join((_NUMBER.replace(b"[LD]", b"[LDJ]").replace(b"[IY", b"[IYK"), _STRING, _BINARY))


@cache
def simple_values(count: int) -> Run:
    """Return what skips so many simple values.

    Args:
        count: 0 to `LONGEST_RUN`; the caller sees to that, because what is returned is kept for ever.
    """
    # One look at the first byte of a container is faster than one for each kind of value.
    first = rb"(?![CHMOQUVWX\x60-\x7f])" if count else b""
    return re.compile(b"%s(?:%s){%d}+" % (first, _VALUE, count), re.DOTALL).match


@cache
def numbers(count: int) -> Run:
    """Return what skips so many numbers, booleans and nulls; see `simple_values`."""
    return re.compile(b"(?:%s){%d}+" % (_NUMBER, count), re.DOTALL).match


@cache
def short_strings(count: int) -> Run:
    """Return what skips so many strings of up to 63 ASCII characters; see `simple_values`."""
    return re.compile(b"(?:%s){%d}+" % (_STRING, count), re.DOTALL).match


def skip_simple_values(data: bytes, position: int, count: int) -> int:
    """Return the position after so many values; -1 if they are not all simple, or more than `LONGEST_RUN`."""
    match = simple_values(count)(data, position) if count <= LONGEST_RUN else None
    return -1 if match is None else match.end()
