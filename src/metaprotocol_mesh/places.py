"""Places in configuration files, and what is wrong there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@frozen
class Place:
    """A place in a file.

    Args:
        source: The file's name; "-" is standard input, "" no file.
        line: From 1; 0 is the whole file.
        column: From 1.
        path: The keys that lead there: "spec.http[0].match[1].uri".
        keys: The lines and columns of the values of a mapping, by key.
    """

    source: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    keys: Mapping[str, tuple[int, int]] = field(factory=dict, eq=False, repr=False)

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source or "(no file)"
        return f"{where}: {self.path}" if self.path else where

    def of(self, key: str) -> Place:
        """Return the place of a mapping's value; of the mapping itself if it has no such key."""
        if key not in self.keys:
            return self
        line, column = self.keys[key]
        return Place(self.source, line, column, f"{self.path}.{key}" if self.path else key)


NOWHERE = Place()


@frozen
class Problem:
    """A problem at a place of a file.

    Args:
        place: Where.
        text: What is wrong.
        hint: What would be right; "" if the text says it.
        warning: True if Envoy can run with it all the same.
    """

    place: Place
    text: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        where = "" if self.place == NOWHERE else f"{self.place}: "
        text = f"{where}{'warning: ' if self.warning else ''}{self.text}"
        return f"{text}; {self.hint}" if self.hint else text

    def as_warning(self) -> Problem:
        """Return it as a warning."""
        return evolve(self, warning=True)


class ConfigurationError(MetaProtocolError):
    """Configuration that cannot be used.

    Args:
        problems: What is wrong, at least one; `str` of the error has a line for each.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word that resembles one, or all if there are few; "" if none does."""
    words = sorted(known)
    close = get_close_matches(word[:100], words, 1, 0.6) or [
        one for one in words if one.lower() == word.lower().replace("_", "").replace("-", "")
    ]
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there is: {', '.join(words)}" if 0 < len(words) <= 16 else ""
