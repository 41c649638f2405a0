"""Tells the route that a request takes, and why the ones before it do not match, without an Envoy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_envoy.headers import path_of, to_headers
from metaprotocol_mesh.model.base import re2_as_python
from metaprotocol_mesh.names import host_matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaprotocol_mesh.model import StringMatch
    from metaprotocol_mesh.model.virtual_service import HTTPMatchRequest
    from metaprotocol_mesh.resolved import Listener, Mesh, Rule, VirtualHost


@frozen
class Step:
    """A route that was looked at.

    Args:
        rule: It.
        reasons: Why it does not match; empty if it does.
    """

    rule: Rule
    reasons: tuple[str, ...]

    @property
    def matches(self) -> bool:
        """True if the request takes this route."""
        return not self.reasons


@frozen
class Explanation:
    """The way of a request.

    Args:
        listener: Where it comes in.
        headers: What Envoy sees of it.
        host: The virtual host; None if no host is the request's service: ROUTE_NOT_FOUND.
        steps: The routes that were looked at, the last of which matches unless none does.
        problem: Why the request never comes to a route; "" if it does.
    """

    listener: Listener
    headers: Mapping[str, str]
    host: VirtualHost | None
    steps: tuple[Step, ...]
    problem: str = ""

    @property
    def rule(self) -> Rule | None:
        """The route that matches; None if none does."""
        return self.steps[-1].rule if self.steps and self.steps[-1].matches else None


def explain(
    mesh: Mesh, listener: Listener, properties: Mapping[str, str], operation: str, *, complete: bool = True
) -> Explanation:
    """Return the way of a request.

    Args:
        mesh: What the proxy does.
        listener: Where it comes in.
        properties: Those of its message.
        operation: Its operation.
        complete: False if the message may have more properties.
    """
    fields = to_headers(properties)
    headers = {name: value for name, value in zip(fields.flat[::2], fields.flat[1::2], strict=True)}  # noqa: C416
    authority = listener.authority
    if listener.authority_property:
        authority = properties.get(listener.authority_property, "") or authority
    headers |= {":method": "POST", ":scheme": "http", ":authority": authority, ":path": path_of(operation)}
    if fields.collision or not complete:
        why = f"the properties {fields.collision} have one header" if fields.collision else "properties may be missing"
        if mesh.incomplete(listener) == "refuse":
            return Explanation(listener, headers, None, (), f"{why}: it is answered BAD_REQUEST")
        headers["x-metaprotocol-incomplete"] = "true"
    host = _host(listener, authority)
    if host is None:
        return Explanation(listener, headers, None, ())
    steps = []
    for rule in host.rules:
        reasons = tuple(_reasons(rule.match, headers)) if rule.match is not None else ()
        steps.append(Step(rule, reasons))
        if not reasons:
            break
    return Explanation(listener, headers, host, tuple(steps))


def _host(listener: Listener, authority: str) -> VirtualHost | None:
    """Return the virtual host of an authority: a whole name first, then the longest wildcard, as Envoy does."""
    best: tuple[int, VirtualHost] | None = None
    for host in listener.hosts:
        for domain in host.domains:
            if domain.lower() == authority.lower():
                return host
            if "*" in domain and host_matches(domain, authority.lower()) and (best is None or len(domain) > best[0]):
                best = (len(domain), host)
    return best[1] if best else None


def _reasons(match: HTTPMatchRequest, headers: Mapping[str, str]) -> Iterator[str]:
    path = headers[":path"]
    if match.uri is not None and not _uri_holds(match.uri, path, ignore_case=match.ignore_uri_case):
        yield f"uri {match.uri}, and the request has {path!r}"
    for name in ("method", "authority", "scheme"):
        condition: StringMatch | None = getattr(match, name)
        if condition is not None and not condition.holds(headers[f":{name}"]):
            yield f"{name} {condition}, and the request has {headers[f':{name}']!r}"
    for name, condition in match.headers.items():
        value = headers.get(name.lower())
        if value is None:
            yield f"{name} {condition}, and the request has no {name.lower()}"
        elif not condition.holds(value):
            yield f"{name} {condition}, and the request has {value!r}"
    for name, condition in match.without_headers.items():
        value = headers.get(name.lower())
        if condition.present:
            if value is not None:
                yield f"{name} must not be there, and the request has {value!r}"
        elif condition.holds(value or ""):
            yield f"without {name} that {condition}, and the request has {value or ''!r}"


def _uri_holds(condition: StringMatch, path: str, *, ignore_case: bool) -> bool:
    if condition.regex is not None:
        return re.fullmatch(re2_as_python(condition.regex), path) is not None
    wanted = condition.exact if condition.exact is not None else condition.prefix or ""
    if ignore_case:
        wanted, path = wanted.lower(), path.lower()
    return path == wanted if condition.exact is not None else path.startswith(wanted)
