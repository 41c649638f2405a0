"""Rate limits of MetaRouter, as a virtual host carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_envoy.headers import header_name
from metaprotocol_mesh.aeraki import header_matches
from metaprotocol_mesh.render.pieces import TYPES, Json, header_match, typed

if TYPE_CHECKING:
    from metaprotocol_mesh.model.aeraki import GlobalRateLimit, LocalRateLimit, MetaRouteMatch, TokenBucket
    from metaprotocol_mesh.resolved import Limits, Listener

LOCAL = "envoy.filters.http.local_ratelimit"
_LOCAL_KIND = "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_CONDITION = "condition"
# No limit at all, for requests that meet no condition: Envoy wants a bucket.
_ENDLESS = {"max_tokens": 2**32 - 1, "tokens_per_fill": 2**32 - 1, "fill_interval": "1s"}


def local_filter() -> Json:
    """Return the HTTP filter, which limits nothing where no virtual host says so."""
    return typed(LOCAL, _LOCAL_KIND, stat_prefix="http_local_rate_limiter")


def shared_filter(listener: Listener) -> Json | None:
    """Return the HTTP filter that asks a service; None if no virtual host has such a limit."""
    for host in listener.hosts:
        shared = host.limits.shared if host.limits is not None else None
        if shared is not None:
            # By default the authority is the cluster's name, whose `|` HTTP/2 servers may refuse: Envoy does.
            authority = shared.rate_limit_service.rpartition("|")[2]
            grpc = {"cluster_name": shared.rate_limit_service, "authority": authority}
            return typed(
                "envoy.filters.http.ratelimit",
                "extensions.filters.http.ratelimit.v3.RateLimit",
                domain=shared.domain,
                timeout=str(shared.request_timeout) if shared.request_timeout else "0.02s",
                failure_mode_deny=shared.deny_on_fail,
                status_on_error={"code": "TooManyRequests"},  # limited, as Aeraki answers it, where Envoy has 500
                rate_limit_service={"grpc_service": {"envoy_grpc": grpc}, "transport_api_version": "V3"},
            )
    return None


def limits_of(limits: Limits) -> Json:
    """Return the fields of a virtual host with limits."""
    found: Json = {}
    if limits.local is not None:
        found["typed_per_filter_config"] = {LOCAL: _local(limits.local, limits.title.rpartition(" ")[2])}
    if limits.shared is not None:
        found["rate_limits"] = [{"actions": _shared_actions(limits.shared)}]
    return found


def _local(limit: LocalRateLimit, name: str) -> Json:
    everyone = {"numerator": 100, "denominator": "HUNDRED"}
    found: Json = {
        "@type": TYPES + _LOCAL_KIND,
        "stat_prefix": name,  # each counts by itself
        "token_bucket": _bucket(limit.token_bucket) if limit.token_bucket is not None else _ENDLESS,
        "filter_enabled": {"default_value": everyone},
        "filter_enforced": {"default_value": everyone},
        # Aeraki counts a request that meets a condition there only.
        "always_consume_default_token_bucket": False,
    }
    for number, condition in enumerate(limit.conditions):
        value = str(number)
        found.setdefault("descriptors", []).append(
            {"entries": [{"key": _CONDITION, "value": value}], "token_bucket": _bucket(condition.token_bucket)}
        )
        found.setdefault("rate_limits", []).append({"actions": [_matching(condition.match, value)]})
    return found


def _bucket(bucket: TokenBucket) -> Json:
    return {
        "max_tokens": bucket.max_tokens,
        "tokens_per_fill": bucket.tokens_per_fill,
        "fill_interval": str(bucket.fill_interval),
    }


def _matching(match: MetaRouteMatch, value: str) -> Json:
    headers = [header_match(name, one) for name, one in header_matches(match).items()]
    anything: Json = {"name": ":path", "present_match": True}
    return {
        "header_value_match": {
            "descriptor_key": _CONDITION,
            "descriptor_value": value,
            "headers": headers or [anything],
        }
    }


def _shared_actions(limit: GlobalRateLimit) -> list[Json]:
    counted = [
        {"request_headers": {"header_name": header_name(one.property), "descriptor_key": one.descriptor_key}}
        for one in limit.descriptors
    ]
    if limit.match is None or not limit.match.attributes:
        return counted
    return [_matching(limit.match, "global"), *counted]
