"""Route configurations. Their names are those of the listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_mesh.render.limits import limits_of
from metaprotocol_mesh.render.pieces import TYPES, Json, fraction, header_match
from metaprotocol_mesh.render.security import rbac_of

if TYPE_CHECKING:
    from metaprotocol_mesh.model import Percent, StringMatch
    from metaprotocol_mesh.model.destination_rule import ConsistentHash
    from metaprotocol_mesh.model.virtual_service import (
        Headers,
        HTTPFaultInjection,
        HTTPMatchRequest,
        HTTPRetry,
        HTTPRoute,
    )
    from metaprotocol_mesh.resolved import Listener, Mesh, Rule, VirtualHost

FAULT = "envoy.filters.http.fault"

# istiod's; without codes the last has no effect.
_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


def route_configuration(listener: Listener, mesh: Mesh) -> Json:
    """Return the routes of a listener."""
    found: Json = {"name": listener.name, "virtual_hosts": [_virtual_host(one) for one in listener.hosts]}
    rules = rbac_of(mesh.policies) if listener.direction != "outbound" else {}
    if rules:
        found["typed_per_filter_config"] = rules
    return found


def _virtual_host(host: VirtualHost) -> Json:
    found: Json = {
        "name": host.name,
        "domains": list(host.domains),
        "routes": [_route(rule, host) for rule in host.rules],
        "include_request_attempt_count": True,
    }
    if host.limits is not None:
        found.update(limits_of(host.limits))
    return found


def _route(rule: Rule, host: VirtualHost) -> Json:
    http = rule.http
    # The prefix lets Envoy count the requests of each route.
    found: Json = {"name": rule.name, "match": _match(rule.match), "stat_prefix": rule.name}
    if http is not None and http.direct_response is not None:
        answer: Json = {"status": http.direct_response.status}
        if http.direct_response.body is not None:
            answer["body"] = {"inline_string": http.direct_response.body.string}
        found["direct_response"] = answer
    else:
        found["route"] = _action(rule)
        if len(rule.targets) == 1:
            _headers(found, rule.targets[0].headers)
    if http is not None:
        _headers(found, http.headers)
        if http.fault is not None:
            found["typed_per_filter_config"] = {FAULT: _fault(http.fault)}
    found["decorator"] = {"operation": f"{host.name}/{rule.name}"}
    return found


def _match(match: HTTPMatchRequest | None) -> Json:
    if match is None:
        return {"prefix": "/"}
    found: Json = {}
    uri = match.uri
    if uri is None:
        found["prefix"] = "/"
    elif uri.exact is not None:
        found["path"] = uri.exact
    elif uri.prefix is not None:
        found["prefix"] = uri.prefix
    else:
        found["safe_regex"] = {"regex": uri.regex}
    if match.ignore_uri_case and "safe_regex" not in found:
        found["case_sensitive"] = False
    headers = [header_match(name, one) for name, one in match.headers.items()]
    headers += [header_match(name, one, inverted=True) for name, one in match.without_headers.items()]
    for name in ("method", "authority", "scheme"):
        one: StringMatch | None = getattr(match, name)
        if one is not None:
            headers.append(header_match(f":{name}", one))
    if headers:
        found["headers"] = headers
    return found


def _action(rule: Rule) -> Json:
    http = rule.http
    # As istiod does: no timeout unless one is written, where Envoy has 15 s.
    found: Json = {"timeout": str(http.timeout) if http is not None and http.timeout is not None else "0s"}
    if len(rule.targets) == 1:
        found["cluster"] = rule.targets[0].cluster.name
    else:
        weighted = []
        for target in rule.targets:
            one: Json = {"name": target.cluster.name, "weight": target.weight}
            _headers(one, target.headers)
            weighted.append(one)
        found["weighted_clusters"] = {"clusters": weighted}
    retry = retry_policy(http.retries if http is not None else None, hashed=bool(rule.hashes))
    if retry:
        found["retry_policy"] = retry
    if rule.hashes:
        found["hash_policy"] = [_hash(one) for one in rule.hashes]
    if rule.mirrors:
        found["request_mirror_policies"] = [_mirror(one.cluster.name, one.percentage) for one in rule.mirrors]
    if http is not None:
        _rewrite(found, http)
    return found


def _mirror(cluster: str, percentage: Percent | None) -> Json:
    return {
        "cluster": cluster,
        "runtime_fraction": {"default_value": fraction(percentage, 100.0)},
        "trace_sampled": False,
    }


def _rewrite(found: Json, http: HTTPRoute) -> None:
    rewrite = http.rewrite
    authority = rewrite.authority if rewrite is not None else None
    if rewrite is not None:
        if rewrite.uri is not None:
            found["prefix_rewrite"] = rewrite.uri
        if rewrite.uri_regex_rewrite is not None:
            regex = rewrite.uri_regex_rewrite
            found["regex_rewrite"] = {"pattern": {"regex": regex.match}, "substitution": regex.rewrite}
    if authority is None and http.headers is not None and http.headers.request is not None:
        authority = http.headers.request.set.get(":authority")
    if authority is not None:
        found["host_rewrite_literal"] = authority


def retry_policy(retries: HTTPRetry | None, *, hashed: bool) -> Json:
    """Return further attempts: istiod's defaults, and what a file changes of them; nothing if it asks for none.

    Args:
        retries: What the file says.
        hashed: True if a property chooses the server, which further attempts must not leave.
    """
    if retries is not None and retries.attempts == 0:
        return {}
    found: Json = {"retry_on": _RETRY_ON, "num_retries": 2, "host_selection_retry_max_attempts": "5"}
    predicate = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {"@type": f"{TYPES}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
    }
    ignore = not hashed
    if retries is not None:
        found["num_retries"] = retries.attempts
        if retries.retry_on:
            words = [word.strip() for word in retries.retry_on.split(",") if word.strip()]
            codes = [int(word) for word in words if word.isdigit()]
            words = [word for word in words if not word.isdigit()]
            if codes:
                found["retriable_status_codes"] = codes
                if "retriable-status-codes" not in words:
                    words.append("retriable-status-codes")
            found["retry_on"] = ",".join(words)
        if retries.per_try_timeout is not None:
            found["per_try_timeout"] = str(retries.per_try_timeout)
        if retries.backoff is not None:
            found["retry_back_off"] = {"base_interval": str(retries.backoff)}
        if retries.retry_remote_localities:
            kind = "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
            config = {"@type": TYPES + kind, "update_frequency": 2}
            found["retry_priority"] = {"name": "envoy.retry_priorities.previous_priorities", "typed_config": config}
        if retries.retry_ignore_previous_hosts is not None:
            ignore = retries.retry_ignore_previous_hosts
    if ignore:
        found["retry_host_predicate"] = [predicate]
    return found


def _hash(one: ConsistentHash) -> Json:
    if one.http_header_name is not None:
        return {"header": {"header_name": one.http_header_name.lower()}}
    return {"connection_properties": {"source_ip": True}}


def _fault(fault: HTTPFaultInjection) -> Json:
    found: Json = {"@type": f"{TYPES}extensions.filters.http.fault.v3.HTTPFault"}
    if fault.delay is not None:
        share = fraction(fault.delay.percentage, 0.0)
        found["delay"] = {"fixed_delay": str(fault.delay.fixed_delay), "percentage": share}
    if fault.abort is not None:
        share = fraction(fault.abort.percentage, 0.0)
        found["abort"] = {"http_status": fault.abort.http_status, "percentage": share}
    return found


def _headers(found: Json, headers: Headers | None) -> None:
    """Add the changes of headers to a route or a weighted cluster."""
    if headers is None:
        return
    for side in ("request", "response"):
        operations = getattr(headers, side)
        if operations is None:
            continue
        added = [_option(name, value, "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in operations.set.items()]
        added += [_option(name, value, "APPEND_IF_EXISTS_OR_ADD") for name, value in operations.add.items()]
        added = [one for one in added if one["header"]["key"] != ":authority"]
        if added:
            found[f"{side}_headers_to_add"] = found.get(f"{side}_headers_to_add", []) + added
        if operations.remove:
            removed = found.get(f"{side}_headers_to_remove", [])
            found[f"{side}_headers_to_remove"] = [*removed, *operations.remove]


def _option(name: str, value: str, action: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": action, "keep_empty_value": True}
