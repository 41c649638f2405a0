"""AuthorizationPolicy and RequestAuthentication as Envoy's RBAC, ext_authz and JWT filters.

The rules are carried by the route configuration, and the filters in the HCM have none: so a changed rule reaches
living connections, as a changed route does.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.render.pieces import TYPES, Json, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from metaprotocol_mesh.model import AuthorizationPolicy, Object, RequestAuthentication
    from metaprotocol_mesh.model.security import Condition, Operation, Rule, Source
    from metaprotocol_mesh.places import Place
    from metaprotocol_mesh.resolved import Provider

DENY = "envoy.filters.http.rbac.deny"
ALLOW = "envoy.filters.http.rbac.allow"
CUSTOM = "envoy.filters.http.rbac.custom"
EXT_AUTHZ = "envoy.filters.http.ext_authz"
JWT = "envoy.filters.http.jwt_authn"
_CUSTOM_PREFIX = "custom_"
_TIMEOUT = "600s"
_RBAC = "extensions.filters.http.rbac.v3.RBAC"
_PER_ROUTE = "extensions.filters.http.rbac.v3.RBACPerRoute"


def rbac_filters() -> list[Json]:
    """Return the two HTTP filters: DENY is asked first, as Istio does."""
    return [typed(name, _RBAC) for name in (DENY, ALLOW)]


def rbac_of(policies: Iterable[Object[AuthorizationPolicy]]) -> Json:
    """Return the rules, by filter.

    Args:
        policies: Those that apply.

    Raises:
        ConfigurationError: A value cannot be rendered.
    """
    rules: dict[str, Json] = {}
    for policy in policies:
        named = rules.setdefault(policy.spec.action, {})
        for number, rule in enumerate(policy.spec.rules):
            title = f"ns[{policy.metadata.namespace}]-policy[{policy.metadata.name}]-rule[{number}]"
            named[title] = _policy(rule)
        # A policy without rules matches nothing: ALLOW denies everything then.
    found: Json = {}
    if rules.get("CUSTOM"):
        shadow = {"action": "DENY", "policies": rules["CUSTOM"]}
        rbac = {"shadow_rules": shadow, "shadow_rules_stat_prefix": _CUSTOM_PREFIX}
        found[CUSTOM] = {"@type": TYPES + _PER_ROUTE, "rbac": rbac}
    for name, action in ((DENY, "DENY"), (ALLOW, "ALLOW")):
        one: Json = {}
        if action in rules:
            one["rules"] = {"action": action, "policies": rules[action]}
        if action == "DENY" and rules.get("AUDIT"):
            one["shadow_rules"] = {"action": "LOG", "policies": rules["AUDIT"]}
        if one:
            found[name] = {"@type": TYPES + _PER_ROUTE, "rbac": one}
    return found


def custom_filters(authorizer: Provider) -> list[Json]:
    """Return the HTTP filters that ask a service: one finds the requests that a rule is for, the other asks about them.

    Args:
        authorizer: The service.
    """
    grpc, http = authorizer.says.envoy_ext_authz_grpc, authorizer.says.envoy_ext_authz_http
    service = grpc or http
    assert service is not None  # noqa: S101 - resolving has seen to it
    fields: Json = {
        "transport_api_version": "V3",
        "failure_mode_allow": service.fail_open,
        "clear_route_cache": service.clear_route_cache,
        "status_on_error": {"code": int(service.status_on_error or 403)},
        "filter_enabled_metadata": {
            "filter": "envoy.filters.http.rbac",
            "path": [{"key": f"{_CUSTOM_PREFIX}shadow_effective_policy_id"}],
            "value": {"string_match": {"safe_regex": {"regex": ".+"}}},
        },
    }
    timeout = str(service.timeout) if service.timeout is not None else _TIMEOUT
    if http is not None:
        uri = {"uri": f"http://{http.service}", "cluster": authorizer.cluster, "timeout": timeout}
        fields["http_service"] = {"server_uri": uri, "path_prefix": http.path_prefix}
        if http.include_additional_headers_in_check:
            added = [{"key": name, "value": value} for name, value in http.include_additional_headers_in_check.items()]
            fields["http_service"]["authorization_request"] = {"headers_to_add": added}
        if http.headers_to_upstream_on_allow:
            taken = _names(http.headers_to_upstream_on_allow)
            fields["http_service"]["authorization_response"] = {"allowed_upstream_headers": taken}
        if http.include_request_headers_in_check:
            fields["allowed_headers"] = _names(http.include_request_headers_in_check)
    else:
        # By default the authority is the cluster's name, whose `|` HTTP/2 servers may refuse: Envoy does.
        target = {"cluster_name": authorizer.cluster, "authority": authorizer.cluster.rpartition("|")[2]}
        fields["grpc_service"] = {"envoy_grpc": target, "timeout": timeout}
        fields["include_peer_certificate"] = True
    return [
        typed(CUSTOM, _RBAC, shadow_rules_stat_prefix=_CUSTOM_PREFIX),
        typed(EXT_AUTHZ, "extensions.filters.http.ext_authz.v3.ExtAuthz", **fields),
    ]


def _names(names: Iterable[str]) -> Json:
    return {"patterns": [_text(name.lower()) for name in names]}


def jwt_filter(authentications: Iterable[Object[RequestAuthentication]], issuers: Mapping[str, str]) -> Json | None:
    """Return the HTTP filter that reads tokens; None if there is no rule.

    Args:
        authentications: The rules.
        issuers: The clusters that keys are fetched from, by URL.
    """
    providers: Json = {}
    for authentication in authentications:
        for number, rule in enumerate(authentication.spec.jwt_rules):
            name = f"{authentication.metadata.namespace}/{authentication.metadata.name}-{number}"
            provider: Json = {
                "issuer": rule.issuer,
                "forward": rule.forward_original_token,
                "payload_in_metadata": "payload",
            }
            if rule.jwks_uri:
                uri = {"uri": rule.jwks_uri, "cluster": issuers[rule.jwks_uri], "timeout": str(rule.timeout)}
                # Without this, the first request with a token waits for the keys.
                provider["remote_jwks"] = {"http_uri": uri, "async_fetch": {}}
            else:
                provider["local_jwks"] = {"inline_string": rule.jwks}
            if rule.audiences:
                provider["audiences"] = list(rule.audiences)
            if rule.from_headers:
                provider["from_headers"] = [
                    {"name": one.name, **({"value_prefix": one.prefix} if one.prefix else {})}
                    for one in rule.from_headers
                ]
            providers[name] = provider
    if not providers:
        return None
    # As in Istio: a request may come without a token, and must not come with a wrong one.
    wanted = [*({"provider_name": name} for name in providers), {"allow_missing": {}}]
    rules = [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": wanted}}}]
    return typed(JWT, "extensions.filters.http.jwt_authn.v3.JwtAuthentication", providers=providers, rules=rules)


def _policy(rule: Rule) -> Json:
    conditions = [_condition(one) for one in rule.when]
    of_both: dict[str, list[Json]] = {
        which: [found for kind, found in conditions if kind == which] for which in ("permission", "principal")
    }
    operations = [_operation(one.operation) for one in rule.to] or [[]]
    sources = [_source(one.source) for one in rule.from_] or [[]]
    return {
        "permissions": [_and([*one, *of_both["permission"]], "rules") for one in operations],
        "principals": [_and([*one, *of_both["principal"]], "ids") for one in sources],
    }


def _and(parts: list[Json], inside: str) -> Json:
    kind = "and_rules" if inside == "rules" else "and_ids"
    return {kind: {inside: parts}} if parts else {"any": True}


def _or(values: Iterable[str], one: Callable[[str], Json], inside: str) -> Json:
    return {"or_rules" if inside == "rules" else "or_ids": {inside: [one(value) for value in values]}}


def _both(positive: tuple[str, ...], negative: tuple[str, ...], one: Callable[[str], Json], inside: str) -> list[Json]:
    found = []
    if positive:
        found.append(_or(positive, one, inside))
    if negative:
        found.append({"not_rule" if inside == "rules" else "not_id": _or(negative, one, inside)})
    return found


def _operation(operation: Operation) -> list[Json]:
    def header(name: str) -> Callable[[str], Json]:
        return lambda value: {"header": {"name": name, **_header_value(value, ignore_case=name == ":authority")}}

    return [
        *_both(operation.hosts, operation.not_hosts, header(":authority"), "rules"),
        *_both(operation.ports, operation.not_ports, lambda value: {"destination_port": int(value)}, "rules"),
        *_both(operation.methods, operation.not_methods, header(":method"), "rules"),
        *_both(operation.paths, operation.not_paths, lambda value: {"url_path": {"path": _text(value)}}, "rules"),
    ]


def _source(source: Source) -> list[Json]:
    def ip(kind: str) -> Callable[[str], Json]:
        return lambda value: {kind: _block(value, source.at)}

    return [
        *_both(source.principals, source.not_principals, _principal, "ids"),
        *_both(source.request_principals, source.not_request_principals, _request_principal, "ids"),
        *_both(source.namespaces, source.not_namespaces, _namespace, "ids"),
        *_both(source.ip_blocks, source.not_ip_blocks, ip("direct_remote_ip"), "ids"),
        *_both(source.remote_ip_blocks, source.not_remote_ip_blocks, ip("remote_ip"), "ids"),
    ]


def _condition(condition: Condition) -> tuple[str, Json]:
    name = condition.key
    kind = "principal"
    one: Callable[[str], Json]
    if name.startswith("request.headers["):
        header = name[len("request.headers[") : -1].lower()
        one = lambda value: {"header": {"name": header, **_header_value(value)}}  # noqa: E731
    elif name.startswith("request.auth.claims"):
        path = re.findall(r"\[([^\]]+)\]", name)
        one = lambda value: _claim(path, value)  # noqa: E731
    elif name == "destination.port":
        kind, one = "permission", lambda value: {"destination_port": _port(value, condition.at)}
    elif name == "connection.sni":
        kind, one = "permission", lambda value: {"requested_server_name": _text(value)}
    elif name in ("source.ip", "remote.ip"):
        field = "direct_remote_ip" if name == "source.ip" else "remote_ip"
        one = lambda value: {field: _block(value, condition.at)}  # noqa: E731
    else:
        one = {
            "source.principal": _principal,
            "source.namespace": _namespace,
            "request.auth.principal": _request_principal,
        }[name]
    inside = "rules" if kind == "permission" else "ids"
    parts = _both(condition.values, condition.not_values, one, inside)
    return kind, parts[0] if len(parts) == 1 else _and(parts, inside)


def _principal(value: str) -> Json:
    if value == "*":
        return {"authenticated": {"principal_name": {"safe_regex": {"regex": ".+"}}}}
    if value.startswith("*"):
        return {"authenticated": {"principal_name": {"suffix": value[1:]}}}
    return {"authenticated": {"principal_name": _text(f"spiffe://{value}")}}


def _namespace(value: str) -> Json:
    inside = re.escape(value).replace(r"\*", ".*")
    return {"authenticated": {"principal_name": {"safe_regex": {"regex": f".*/ns/{inside}/.*"}}}}


def _request_principal(value: str) -> Json:
    issuer, slash, subject = value.rpartition("/")
    parts = []
    if slash:
        parts.append(_claim(["iss"], issuer))
    if subject != "*" or not slash:
        parts.append(_claim(["sub"], subject))
    return _and(parts, "ids")


def _claim(path: list[str], value: str) -> Json:
    segments = [{"key": "payload"}, *({"key": part} for part in path)]
    string = {"string_match": _text(value)}

    def matching(wanted: Json) -> Json:
        return {"sourced_metadata": {"metadata_matcher": {"filter": JWT, "path": segments, "value": wanted}}}

    # A claim is a text, or a list of them.
    return {"or_ids": {"ids": [matching(string), matching({"list_match": {"one_of": string}})]}}


def _text(value: str, *, ignore_case: bool = False) -> Json:
    """Return a condition on a text that may begin or end with `*`."""
    if value == "*":
        return {"safe_regex": {"regex": ".+"}}
    if value.startswith("*"):
        found: Json = {"suffix": value[1:]}
    elif value.endswith("*"):
        found = {"prefix": value[:-1]}
    else:
        found = {"exact": value}
    if ignore_case:
        found["ignore_case"] = True
    return found


def _header_value(value: str, *, ignore_case: bool = False) -> Json:
    return {"present_match": True} if value == "*" else {"string_match": _text(value, ignore_case=ignore_case)}


def _block(value: str, place: Place) -> Json:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        text = f"{value[:80]!r} is not an IP address or a block such as 10.0.0.0/8"
        raise ConfigurationError([Problem(place, text)]) from None
    return {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}


def _port(value: str, place: Place) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value[:6]) < 65536):
        raise ConfigurationError([Problem(place, f"{value[:80]!r} is not a port")])
    return int(value)
