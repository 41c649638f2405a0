"""The words that all parts of Envoy's configuration share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from metaprotocol_mesh.model import Percent, StringMatch

Json: TypeAlias = dict[str, Any]

TYPES = "type.googleapis.com/envoy."


def typed(name: str, kind: str, **fields: Any) -> Json:
    """Return an extension.

    Args:
        name: The name of its factory.
        kind: The type of its configuration, without "envoy." before it.
        fields: The configuration.
    """
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def socket_address(host: str, port: int) -> Json:
    """Return a TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}


def string_match(match: StringMatch, *, ignore_case: bool = False) -> Json:
    """Return a condition on a text; it must not be one of mere presence."""
    if match.exact is not None:
        found: Json = {"exact": match.exact}
    elif match.prefix is not None:
        found = {"prefix": match.prefix}
    else:
        return {"safe_regex": {"regex": match.regex}}
    if ignore_case:
        found["ignore_case"] = True
    return found


def header_match(name: str, match: StringMatch, *, inverted: bool = False) -> Json:
    """Return a condition on a header, as istiod renders it."""
    found: Json = {"name": name.lower()}
    if match.present:
        found["present_match"] = True
    else:
        found["string_match"] = string_match(match)
        if inverted:
            found["treat_missing_header_as_empty"] = True
    if inverted:
        found["invert_match"] = True
    return found


def fraction(percent: Percent | None, default: float) -> Json:
    """Return a share in parts of a million."""
    value = default if percent is None else percent.value
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}


def http_options(version: str, **fields: Any) -> Json:
    """Return the options by which a cluster speaks HTTP, as `typed_extension_protocol_options` has them.

    Args:
        version: "http" or "http2".
        fields: More of the options.
    """
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {"explicit_http_config": {f"{version}_protocol_options": {}}, **fields}
    return {name: {"@type": f"type.googleapis.com/{name}", **options}}
