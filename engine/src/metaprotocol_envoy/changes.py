"""The difference between the headers that went into Envoy and those that came out, as a change of properties.

What Envoy and its filters did to a message's headers is done to the message itself, and a filter's change of a message
to its headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_envoy.headers import (
    PREFIX,
    RESERVED_NAMES,
    RESERVED_PREFIXES,
    escape_value,
    header_name,
    property_name,
    unescape_value,
)
from metaprotocol_sdk import Mutation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaprotocol_envoy.headers import Fields
    from metaprotocol_sdk import Metadata

TRACING = ("traceparent", "tracestate", "b3", "x-b3-*")
"""Tracing headers that are written into a message when Envoy has set or changed them, unless configured otherwise."""


@frozen
class HeaderRules:
    """Says which headers of a message on its way through Envoy count as properties.

    Args:
        ignored: Names that never count.
        ignored_prefixes: Beginnings of names that never count.
    """

    ignored: frozenset[str]
    ignored_prefixes: tuple[str, ...]

    @classmethod
    def of(cls, propagate: Iterable[str] = TRACING, *, mutable: bool = True) -> HeaderRules:
        """Return the rules of a codec.

        Args:
            propagate: Tracing headers that count, a `*` at the end standing for any rest.
            mutable: False if the codec cannot change messages: then no tracing header counts.
        """
        names = set(RESERVED_NAMES)
        prefixes = [prefix for prefix in RESERVED_PREFIXES if prefix != PREFIX]
        counted = tuple(propagate) if mutable else ()
        for tracing in TRACING:
            if tracing not in counted:
                if tracing.endswith("*"):
                    prefixes.append(tracing[:-1])
                else:
                    names.add(tracing)
        return cls(frozenset(names), tuple(prefixes))

    def counts(self, name: str) -> bool:
        """Return True if a header counts as a property."""
        return not (name in self.ignored or name.startswith((":", *self.ignored_prefixes)))


def difference(
    rules: HeaderRules, before: tuple[str, ...], names: Mapping[str, str], after: Iterable[tuple[bytes, bytes]]
) -> dict[str, str | None]:
    """Return what a message's headers became on the way through Envoy, as a mutation of its properties.

    Args:
        rules: Says which headers count.
        before: The headers that went in, names and values in turn.
        names: The property of each of them, and of headers that a filter has added.
        after: The headers that came out. Values of one name are joined by a comma, as HTTP has it.
    """
    values: dict[str, bytes] = {}
    for raw_name, value in after:
        name = raw_name.decode("latin-1")
        if rules.counts(name) or name in names:
            values[name] = values[name] + b"," + value if name in values else value
    mutation: dict[str, str | None] = {}
    for header, old in zip(before[::2], before[1::2], strict=True):
        new = values.pop(header, None)
        if new is None:
            mutation[names[header]] = None
        elif new != old.encode("utf-8"):
            mutation[names[header]] = unescape_value(new)
    for header, new in values.items():
        if header == "tracestate" and not new:
            continue  # Envoy's tracers add an empty one
        added = names.get(header) or property_name(header)
        if added is not None:
            mutation[added] = unescape_value(new)
    return mutation


def without_tracing(mutation: Mutation) -> Mutation:
    """Return a change of properties without the headers of tracers."""

    def is_tracing(name: str) -> bool:
        lower = name.lower()
        return any(lower == one or (one.endswith("*") and lower.startswith(one[:-1])) for one in TRACING)

    return Mutation({name: value for name, value in mutation.items() if not is_tracing(name)})


def change_headers(fields: Fields, mutation: Mapping[str, str | None]) -> tuple[str | None, ...]:
    """Return a change of properties as one of headers: names and values in turn, None to remove.

    Args:
        fields: The headers of the message; new names are remembered there, with their case.
        mutation: The change.
    """
    known = {name: header for header, name in fields.names.items()}
    flat: list[str | None] = []
    for name, value in mutation.items():
        header = known.get(name)
        if header is None:
            header = header_name(name)
            fields.names.setdefault(header, name)
        # Envoy lets no module set an empty header. No value is escaped as a lone "%".
        flat += (header, None if value is None else escape_value(value) or "%")
    return tuple(flat)


def changed(metadata: Metadata, changes: Mapping[str, str | None]) -> Metadata:
    """Return a copy of a message's metadata with its properties changed.

    Args:
        metadata: Of the message.
        changes: What became of its properties; None removes one.
    """
    copy = metadata.clone()
    for name, value in changes.items():
        if value is None:
            copy.properties.pop(name, None)
        else:
            copy.properties[name] = value
    return copy
