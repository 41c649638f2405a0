"""The requests to capture, as a condition that Envoy evaluates: what it leaves out costs nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from metaprotocol_envoy.headers import escape_value, header_name, path_of
from metaprotocol_mesh.render.pieces import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

_Headers: TypeAlias = list[Json]
_OURS: Json = {"name": "x-metaprotocol-type", "present_match": True}
"""Admission takes this header from requests that no codec filter has made."""


def matching(conditions: Mapping[str, str]) -> Json:
    """Return Envoy's condition for requests that have all of these properties.

    Args:
        conditions: Values by name. The key "operation" stands for the operation where there is no such property; a *
            at the end of a value takes any rest. Names are compared in lower case, as Envoy's rules do it.

    Raises:
        ValueError: Envoy cannot tell which requests are meant, or two conditions are about one property.
    """
    headers = [_OURS]
    alternatives: list[_Headers] = []
    seen: set[str] = set()
    for name, value in conditions.items():
        header = header_name(name)
        if header in seen:
            raise ValueError(f"{name!r} is there twice: names that differ only in case are one here")
        seen.add(header)
        condition = {"name": header, **_value(value)}
        if header == "operation":
            absent = {"name": header, "present_match": True, "invert_match": True}
            alternatives = [[condition], *([absent, path] for path in _paths(value))]
        else:
            headers.append(condition)
    found = _all_of(headers)
    if not alternatives:
        return found
    return {"and_match": {"rules": [found, {"or_match": {"rules": [_all_of(one) for one in alternatives]}}]}}


def _all_of(headers: _Headers) -> Json:
    return {"http_request_headers_match": {"headers": headers}}


def _value(value: str) -> Json:
    if not value.endswith("*"):
        # Envoy has no empty header of its own; a filter writes an empty value as "%".
        if not value:
            return {"string_match": {"safe_regex": {"regex": "%?"}}}
        return {"string_match": {"exact": escape_value(value)}}
    begin = value[:-1]
    if not begin:
        return {"present_match": True}
    if begin.endswith(" "):  # it is written otherwise where the value ends with it
        raise ValueError(f"{value!r} has a space before the *: leave the space out")
    return {"string_match": {"prefix": escape_value(begin)}}


def _paths(operation: str) -> _Headers:
    """Return the paths of an operation, or of those that begin so; any of them may match."""
    if not operation.endswith("*"):
        return [{"name": ":path", "string_match": {"exact": path_of(operation)}}]
    whole, slash, last = operation[:-1].rpartition("/")
    begin = (path_of(whole) if slash else "") + "/"
    ends = {path_of(last)[1:] if last else ""}
    if not last.strip("."):
        ends.add(last)  # a segment of dots alone is escaped, one that goes on is not
    return [{"name": ":path", "string_match": {"prefix": begin + end}} for end in sorted(ends)]
