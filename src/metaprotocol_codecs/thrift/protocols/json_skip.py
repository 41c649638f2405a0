"""Finds the end of messages of Thrift's JSON protocol: where the bracket that began them is closed.

Only the number of open brackets is remembered, not their kinds: in sound JSON that is enough, and no reader takes other
JSON. So a message takes no memory however deep it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.protocols.skip import MatchAny, Skipper
from metaprotocol_sdk import DecodeError

if TYPE_CHECKING:
    from metaprotocol_sdk import Limits

# The inside of a string up to its end or to an escape that is not whole, and strings. Nothing here backtracks.
_INSIDE = rb'(?:[^"\\]++|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+'
STRING = b'"' + _INSIDE + b'"'
"""A pattern of a string with its quotes."""
# Numbers, commas, colons, blanks and strings; and objects and arrays that hold nothing else.
_FLAT = rb"(?:[-+.0-9eE,: \t\r\n]++|" + STRING + rb")"
_RUN = rb"(?:" + _FLAT + rb"|\{" + _FLAT + rb"*+\}|\[" + _FLAT + rb"*+\])*+"

_inside: MatchAny = re.compile(_INSIDE).match  # type: ignore[assignment]
_run: MatchAny = re.compile(_RUN).match  # type: ignore[assignment]
# Some libraries write numbers (nan, inf) and absent texts (null) as words, of which Infinity is the longest. Go takes a
# null where a bracket should close for that bracket, and what follows in the message for the next call: so a word
# stands only where a value can begin.
_LONGEST_WORD = 8
_word = re.compile(rb"[A-Za-z]{1,%d}+" % (_LONGEST_WORD + 1)).match
_BEFORE_VALUES, _SIGNS = frozenset(b",:["), frozenset(b"+-")
_INFINITE = frozenset(b"iI")
_BLANKS = b" \t\r\n"
_WINDOW = 256

_cut_escape = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?").fullmatch

_QUOTE, _BACKSLASH = b'"\\'
_BEGINS, _ENDS = frozenset(b"{["), frozenset(b"}]")


class JsonSkipper(Skipper):
    """Skips one object or array: a message in the JSON protocol is an array."""

    __slots__ = ("_before", "_depth", "_in_string")

    def __init__(self, limits: Limits, kind: int = 0) -> None:
        super().__init__(limits, kind)
        self._depth = 0
        self._in_string = False
        self._before = 0  # the last byte before the next run that is not a blank

    def run(self, data: bytes, position: int) -> int:
        size = len(data)
        if not self._depth and position < size:
            self._depth = 1
            position += 1
        while position < size:
            position = (_inside if self._in_string else _run)(data, position).end()
            if position == size:
                break
            byte = data[position]
            if self._in_string:
                if byte == _BACKSLASH:
                    if _cut_escape(data, position):
                        break
                    raise DecodeError("no string has such an escape", offset=position, field="string")
                self._in_string = False
            elif byte == _QUOTE:
                self._in_string = True
            elif byte in _BEGINS:
                self._depth += 1
            elif byte in _ENDS:
                self._depth -= 1
            elif word := _word(data, position):
                if word.end() == size and size - position <= _LONGEST_WORD:
                    break  # it may go on
                if word.end() - position > _LONGEST_WORD or not self._word_may_begin(data, position):
                    raise DecodeError(f"no value of JSON's is {word[0]!r} here", offset=position)
                position = word.end()
                continue
            else:
                raise DecodeError(f"no JSON of Thrift's has {bytes((byte,))!r} here", offset=position)
            position += 1
            if not self._depth:
                self.done = True
                break
        self._before = self._last_before(data, position)
        return position

    def _word_may_begin(self, data: bytes, position: int) -> bool:
        before = self._last_before(data, position)
        return before in _BEFORE_VALUES or (before in _SIGNS and data[position] in _INFINITE)

    def _last_before(self, data: bytes, position: int) -> int:
        """Return the last byte before a position that is not a blank."""
        while position > 0:
            start = max(position - _WINDOW, 0)
            if seen := data[start:position].rstrip(_BLANKS):
                return seen[-1]
            position = start
        return self._before
