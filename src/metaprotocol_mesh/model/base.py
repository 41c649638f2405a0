"""The parts of a model: what a class of the model says about its fields, for the reader, the schema and the docs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from metaprotocol_mesh.places import NOWHERE, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED: Any = attrs.NOTHING

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEAT = re.compile(r"\{(\d{1,9}),?(\d{0,9})\}")
_REPEAT_AT_MOST = 1000
_DURATION = re.compile(r"(?:(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(?:ns|us|µs|ms|s|m|h)){1,6}")
_DURATION_PART = re.compile(r"(\d*)(?:\.(\d+))?(ns|us|µs|ms|s|m|h)")


@attrs.frozen(kw_only=True)
class Item:
    """A mapping of a file. Attributes are its keys, in Python's spelling.

    Args:
        at: Where it is.
    """

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of fields of which at most one may be set."""
    UNSUPPORTED: ClassVar[dict[str, str]] = {}
    """Keys that Istio has and that are not supported, with the reason or what to use instead."""
    IGNORED: ClassVar[frozenset[str]] = frozenset()
    """Keys that Kubernetes writes for itself."""

    at: Place = attrs.field(default=NOWHERE, eq=False, repr=False)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the fields together: a key ("" for all of it), and a text."""
        yield from ()


def entry(
    becomes: str,
    default: Any = None,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    pattern: str | None = None,
    at_least: int = 0,
) -> Any:
    """Return a field of the model.

    Args:
        becomes: What it becomes in Envoy, for the docs and for editors.
        default: Its value if the key is left out; `REQUIRED` if it must not be.
        minimum: The smallest number.
        maximum: The largest number.
        pattern: A regular expression that a text, or each of a list, must match as a whole.
        at_least: Entries that a list must have.
    """
    metadata = {"becomes": becomes, "minimum": minimum, "maximum": maximum, "pattern": pattern, "at_least": at_least}
    if default in ((), {}):
        return attrs.field(factory=type(default), metadata=metadata)
    return attrs.field(default=default, metadata=metadata)


def yaml_name(name: str) -> str:
    """Return the key of an attribute: "per_try_timeout" is "perTryTimeout"."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


@attrs.frozen
class Duration:
    """A time, as Go writes it: "1.5s", "100ms", "1h30m".

    Args:
        nanoseconds: It.
    """

    nanoseconds: int

    @classmethod
    def parse(cls, text: str) -> Duration | None:
        """Return the duration that a text is; None if it is none."""
        if not _DURATION.fullmatch(text):
            return None
        total = 0
        for whole, fraction, unit in _DURATION_PART.findall(text):
            total += int(whole or 0) * _UNITS[unit] + int((fraction or "0").ljust(9, "0")) * _UNITS[unit] // 10**9
        return cls(total)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.nanoseconds / 10**9

    def __str__(self) -> str:
        """Return it as Envoy's JSON has it: "1.5s"."""
        whole, rest = divmod(self.nanoseconds, 10**9)
        return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + "s" if rest else f"{whole}s"


@attrs.frozen(kw_only=True)
class StringMatch(Item):
    """A condition on a text. Without any of its keys it holds if there is one."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "regex"),)

    exact: str | None = entry("`string_match.exact`")
    prefix: str | None = entry("`string_match.prefix`")
    regex: str | None = entry("`string_match.safe_regex`, RE2, the whole text; `*` is a mere presence")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.regex is not None and self.regex != "*" and (fault := regex_fault(self.regex)):
            yield "regex", fault
        if self.prefix == "":
            yield "prefix", "an empty prefix matches everything: leave the condition out"

    @property
    def present(self) -> bool:
        """True if any text will do."""
        return self.exact is None and self.prefix is None and self.regex in (None, "*")

    def holds(self, text: str) -> bool:
        """Return True if a text meets the condition."""
        if self.exact is not None:
            return text == self.exact
        if self.prefix is not None:
            return text.startswith(self.prefix)
        return self.present or re.fullmatch(re2_as_python(self.regex or ""), text) is not None

    def __str__(self) -> str:
        """Return the condition as a phrase."""
        if self.exact is not None:
            return f"is {self.exact!r}"
        if self.prefix is not None:
            return f"begins with {self.prefix!r}"
        return "is there" if self.present else f"matches {self.regex!r}"


@attrs.frozen(kw_only=True)
class Percent(Item):
    """A share."""

    value: float = entry("a fraction of a million", 0.0, minimum=0, maximum=100)


def re2_as_python(regex: str) -> str:
    """Return a regular expression of RE2 in Python's spelling: `\\z` is `\\Z` there."""
    return regex.replace(r"\z", r"\Z")


def regex_fault(regex: str) -> str:
    """Return what is wrong with a regular expression; "" if RE2 takes it, as far as Python can tell."""
    if re.search(r"\(\?(?:[=!]|<[=!]|\()|\\[1-9]|\(\?P=", regex):
        return f"{regex[:80]!r} has a look-around or a back-reference, which RE2 does not know"
    try:
        re.compile(re2_as_python(regex))
    except (re.error, OverflowError, RecursionError) as error:
        return f"{regex[:80]!r} is not a regular expression: {error}"
    plain = _ESCAPE_OR_CLASS.sub("x", regex)
    if re.search(r"[*+?}]\+|\(\?[>#]", plain) or {*re.findall(r"\\(.)", regex, re.DOTALL)} & {*"uUNZ"}:
        return f"{regex[:80]!r} has what only Python knows, and RE2 does not"
    if any(int(number) > _REPEAT_AT_MOST for pair in _REPEAT.findall(plain) for number in pair if number):
        return f"{regex[:80]!r} repeats more than {_REPEAT_AT_MOST:,} times, which RE2 does not take"
    return ""
