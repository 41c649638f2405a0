"""VirtualService of Istio: the routes of requests."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from metaprotocol_mesh.model.base import (
    REQUIRED,
    Duration,
    Item,
    Percent,
    StringMatch,
    entry,
    regex_fault,
)
from metaprotocol_mesh.model.destination_rule import PortSelector  # noqa: TC001
from metaprotocol_mesh.model.networking import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Envoy's substitution format, as far as it can be seen here.
_COMMAND = re.compile(r"%%|%[A-Z][A-Z0-9_]*(?:\([^()%]*\))?(?::[0-9]+)?%")
_RETRY_ON = frozenset(
    [
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "envoy-ratelimited",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    ]
)


def _header_faults(name: str, headers: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for header in headers:
        if not _HEADER.fullmatch(header):
            yield name, f"{header[:80]!r} is not the name of a header"


@frozen(kw_only=True)
class HTTPMatchRequest(Item):
    """Conditions that all hold."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "queryParams": "operations have no query: match a property with `headers`",
        "statPrefix": "give the route a `name`",
    }

    name: str = entry("a part of the route's `name`", "")
    uri: StringMatch | None = entry("`match.path`, `match.prefix` or `match.safe_regex`: `/` and the operation")
    scheme: StringMatch | None = entry("a header matcher of `:scheme`")
    method: StringMatch | None = entry("a header matcher of `:method`, which is POST")
    authority: StringMatch | None = entry("a header matcher of `:authority`")
    headers: Mapping[str, StringMatch] = entry("`match.headers`: the properties", {})
    without_headers: Mapping[str, StringMatch] = entry("`match.headers` with `invert_match`", {})
    port: int | None = entry("the listeners with this port", minimum=1, maximum=65535)
    source_labels: Mapping[str, str] = entry("whether it is this proxy's", {})
    source_namespace: str = entry("whether it is this proxy's", "")
    gateways: tuple[str, ...] = entry("the listeners of these gateways; `mesh` are those of Sidecar", ())
    ignore_uri_case: bool = entry("`match.case_sensitive: false`", False)

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _header_faults("headers", self.headers)
        yield from _header_faults("withoutHeaders", self.without_headers)
        if self.uri is not None and self.uri.present:
            yield "uri", "a condition is missing: exact, prefix or regex"


@frozen(kw_only=True)
class Destination(Item):
    """A service, or a subset of its servers."""

    host: str = entry("the cluster", REQUIRED, pattern=HOST)
    subset: str = entry("the cluster", "")
    port: PortSelector | None = entry("the cluster; needed if the service has several ports")


@frozen(kw_only=True)
class HeaderOperations(Item):
    """Changes of properties."""

    set: Mapping[str, str] = entry("`headers_to_add` that replace", {})
    add: Mapping[str, str] = entry("`headers_to_add` that append", {})
    remove: tuple[str, ...] = entry("`headers_to_remove`", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from _header_faults("set", {name: "" for name in self.set if name != ":authority"})
        yield from _header_faults("add", self.add)
        yield from _header_faults("remove", dict.fromkeys(self.remove))
        for name in ("set", "add"):
            for header, value in getattr(self, name).items():
                if "%" in _COMMAND.sub("", value):
                    yield name, f"the `%` in {header}: {value[:80]!r} begins no command of Envoy; write %% for one"
                if not value.isprintable():
                    yield name, f"the value of {header} has control characters"


@frozen(kw_only=True)
class Headers(Item):
    """Changes of properties."""

    request: HeaderOperations | None = entry("`request_headers_to_add`, `request_headers_to_remove`")
    response: HeaderOperations | None = entry("`response_headers_to_add`, `response_headers_to_remove`")


@frozen(kw_only=True)
class HTTPRouteDestination(Item):
    """One of the destinations of a route."""

    destination: Destination = entry("`route.cluster`", REQUIRED)
    weight: int = entry("`weighted_clusters.clusters[].weight`", 0, minimum=0, maximum=2**31 - 1)
    headers: Headers | None = entry("as in the route, for this destination alone")


@frozen(kw_only=True)
class RegexRewrite(Item):
    """A substitution."""

    match: str = entry("`regex_rewrite.pattern`", REQUIRED)
    rewrite: str = entry("`regex_rewrite.substitution`", REQUIRED)

    def faults(self) -> Iterator[tuple[str, str]]:
        if fault := regex_fault(self.match):
            yield "match", fault


@frozen(kw_only=True)
class HTTPRewrite(Item):
    """Changes of the operation. Codecs that cannot carry them answer with an error."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("uri", "uri_regex_rewrite"),)

    uri: str | None = entry("`prefix_rewrite`")
    authority: str | None = entry("`host_rewrite_literal`")
    uri_regex_rewrite: RegexRewrite | None = entry("`regex_rewrite`")


@frozen(kw_only=True)
class HTTPRetry(Item):
    """Further attempts."""

    attempts: int = entry("`retry_policy.num_retries`; 0 is none", 0, minimum=0, maximum=1000)
    per_try_timeout: Duration | None = entry("`retry_policy.per_try_timeout`")
    retry_on: str = entry("`retry_policy.retry_on`; numbers are `retriable_status_codes`", "")
    retry_remote_localities: bool | None = entry("`retry_policy.retry_priority`")
    retry_ignore_previous_hosts: bool | None = entry("`retry_policy.retry_host_predicate`; true by default")
    backoff: Duration | None = entry("`retry_policy.retry_back_off.base_interval`")

    def faults(self) -> Iterator[tuple[str, str]]:
        for word in self.retry_on.split(","):
            if word.strip() not in _RETRY_ON and not re.fullmatch(r"[1-5]\d\d|", word.strip()):
                yield (
                    "retryOn",
                    f"there is no condition {word.strip()[:80]!r}; there are {', '.join(sorted(_RETRY_ON))}",
                )


@frozen(kw_only=True)
class Delay(Item):
    """A delay."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "exponentialDelay": "Istio does not have it either",
        "percent": "write `percentage: {value: 50}`",
    }

    fixed_delay: Duration = entry("the fault filter's `delay.fixed_delay`", REQUIRED)
    percentage: Percent | None = entry("`delay.percentage`; 0 if it is left out")


@frozen(kw_only=True)
class Abort(Item):
    """A failure."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "grpcStatus": "use `httpStatus`",
        "http2Error": "use `httpStatus`",
        "percent": "write `percentage: {value: 50}`",
    }

    http_status: int = entry(
        "the fault filter's `abort.http_status`, which becomes an error of the protocol",
        REQUIRED,
        minimum=200,
        maximum=599,
    )
    percentage: Percent | None = entry("`abort.percentage`; 0 if it is left out")


@frozen(kw_only=True)
class HTTPFaultInjection(Item):
    """Faults on purpose."""

    delay: Delay | None = entry("the fault filter, for this route")
    abort: Abort | None = entry("the fault filter, for this route")

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.delay is None and self.abort is None:
            yield "", "a fault needs `delay` or `abort`"


@frozen(kw_only=True)
class HTTPMirrorPolicy(Item):
    """A copy of requests."""

    destination: Destination = entry("`request_mirror_policies[].cluster`", REQUIRED)
    percentage: Percent | None = entry("`runtime_fraction`; 100 if it is left out")


@frozen(kw_only=True)
class HTTPBody(Item):
    """A text."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"bytes": "use `string`"}

    string: str = entry("`direct_response.body.inline_string`", "")


@frozen(kw_only=True)
class HTTPDirectResponse(Item):
    """An answer without a server."""

    status: int = entry(
        "`direct_response.status`, which becomes an error of the protocol", REQUIRED, minimum=200, maximum=599
    )
    body: HTTPBody | None = entry("`direct_response.body`")


@frozen(kw_only=True)
class HTTPRoute(Item):
    """A rule: what matches goes there."""

    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("route", "direct_response"), ("mirror", "mirrors"))
    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "redirect": "clients of other protocols follow no redirects",
        "corsPolicy": "it is for browsers",
        "delegate": "write the routes here",
        "mirrorPercent": "write `mirrorPercentage: {value: 50}`",
        "mirror_percent": "write `mirrorPercentage: {value: 50}`",
    }

    name: str = entry("the route's `name`", "")
    match: tuple[HTTPMatchRequest, ...] = entry("a route for each", ())
    route: tuple[HTTPRouteDestination, ...] = entry("`route.cluster` or `route.weighted_clusters`", ())
    direct_response: HTTPDirectResponse | None = entry("`direct_response`")
    rewrite: HTTPRewrite | None = entry("`prefix_rewrite`, `regex_rewrite`, `host_rewrite_literal`")
    timeout: Duration | None = entry("`route.timeout`; none by default")
    retries: HTTPRetry | None = entry("`route.retry_policy`; 2 on connect failures by default")
    fault: HTTPFaultInjection | None = entry("`typed_per_filter_config` of the fault filter")
    mirror: Destination | None = entry("`route.request_mirror_policies`")
    mirror_percentage: Percent | None = entry("`runtime_fraction`; 100 if it is left out")
    mirrors: tuple[HTTPMirrorPolicy, ...] = entry("`route.request_mirror_policies`", ())
    headers: Headers | None = entry("`request_headers_to_add` and so on")

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.route and self.direct_response is None:
            yield "", "a rule needs `route` or `directResponse`"
        if len(self.route) > 1 and not any(one.weight for one in self.route):
            yield "route", "several destinations need weights"
        if self.mirror_percentage is not None and self.mirror is None:
            yield "mirrorPercentage", "`mirrorPercentage` needs `mirror`; with `mirrors` write `percentage`"


@frozen(kw_only=True)
class VirtualService(Item):
    """Rules for the requests to some hosts, the first that matches wins."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "tcp": "connection mode is not built yet: name the port http-<codec> and write `http`",
        "tls": "connection mode is not built yet",
    }

    hosts: tuple[str, ...] = entry("the virtual hosts", REQUIRED, at_least=1, pattern=HOST)
    gateways: tuple[str, ...] = entry("the listeners of these gateways; by default `mesh`, those of Sidecar", ())
    http: tuple[HTTPRoute, ...] = entry("`virtual_hosts[].routes`", REQUIRED, at_least=1)
    export_to: tuple[str, ...] = entry("the namespaces that see it", ())
