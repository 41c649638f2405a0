"""AuthorizationPolicy, RequestAuthentication and PeerAuthentication of Istio."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Duration, Item, entry
from metaprotocol_mesh.names import address_of_url

if TYPE_CHECKING:
    from collections.abc import Iterator

_TARGETS = {"targetRef": "it is of the Gateway API", "targetRefs": "it is of the Gateway API"}


@frozen(kw_only=True)
class Selector(Item):
    """Labels of a proxy."""

    match_labels: Mapping[str, str] = entry("whether it is this proxy's", {})


@frozen(kw_only=True)
class Source(Item):
    """The source of a request; all fields that are given must match. Values may begin or end with `*`."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "serviceAccounts": "write `principals`",
        "notServiceAccounts": "write `notPrincipals`",
    }

    principals: tuple[str, ...] = entry("`authenticated` with `spiffe://` before it", ())
    not_principals: tuple[str, ...] = entry("the same, `not_id`", ())
    request_principals: tuple[str, ...] = entry("`metadata` of the JWT filter", ())
    not_request_principals: tuple[str, ...] = entry("the same, `not_id`", ())
    namespaces: tuple[str, ...] = entry("`authenticated` by the namespace in `spiffe://.../ns/<it>/sa/...`", ())
    not_namespaces: tuple[str, ...] = entry("the same, `not_id`", ())
    ip_blocks: tuple[str, ...] = entry("`direct_remote_ip`", ())
    not_ip_blocks: tuple[str, ...] = entry("the same, `not_id`", ())
    remote_ip_blocks: tuple[str, ...] = entry("`remote_ip`", ())
    not_remote_ip_blocks: tuple[str, ...] = entry("the same, `not_id`", ())


@frozen(kw_only=True)
class Operation(Item):
    """The operation of a request; all fields that are given must match. Values may begin or end with `*`."""

    hosts: tuple[str, ...] = entry("`header` `:authority`", ())
    not_hosts: tuple[str, ...] = entry("the same, `not_rule`", ())
    ports: tuple[str, ...] = entry("`destination_port`", (), pattern=r"[1-9][0-9]{0,4}")
    not_ports: tuple[str, ...] = entry("the same, `not_rule`", (), pattern=r"[1-9][0-9]{0,4}")
    methods: tuple[str, ...] = entry("`header` `:method`, which is POST", ())
    not_methods: tuple[str, ...] = entry("the same, `not_rule`", ())
    paths: tuple[str, ...] = entry("`url_path`: `/` and the operation, escaped", ())
    not_paths: tuple[str, ...] = entry("the same, `not_rule`", ())


@frozen(kw_only=True)
class RuleFrom(Item):
    """A source."""

    source: Source = entry("a principal", REQUIRED)


@frozen(kw_only=True)
class RuleTo(Item):
    """An operation."""

    operation: Operation = entry("a permission", REQUIRED)


@frozen(kw_only=True)
class Condition(Item):
    """A further condition."""

    key: str = entry(
        "`request.headers[NAME]`, `source.ip`, `remote.ip`, `source.principal`, `source.namespace`, "
        "`request.auth.claims[NAME]`, `request.auth.principal`, `destination.port`, `connection.sni`",
        REQUIRED,
        pattern=r"request\.headers\[[^\]]+\]|request\.auth\.claims(?:\[[^\]]+\])+|request\.auth\.principal"
        r"|source\.(?:ip|principal|namespace)|remote\.ip|destination\.port|connection\.sni",
    )
    values: tuple[str, ...] = entry("any of them", ())
    not_values: tuple[str, ...] = entry("none of them", ())

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.values and not self.not_values:
            yield "", "a condition needs `values` or `notValues`"


@frozen(kw_only=True)
class Rule(Item):
    """Any of the sources, any of the operations, and all conditions."""

    from_: tuple[RuleFrom, ...] = entry("`principals`", ())
    to: tuple[RuleTo, ...] = entry("`permissions`", ())
    when: tuple[Condition, ...] = entry("conditions of both", ())


@frozen(kw_only=True)
class PolicyProvider(Item):
    """A service that decides."""

    name: str = entry("one of IstioOperator's `meshConfig.extensionProviders`", REQUIRED)


@frozen(kw_only=True)
class AuthorizationPolicy(Item):
    """Allows or denies requests, at listeners of Sidecar's ingress and Gateway."""

    UNSUPPORTED: ClassVar[dict[str, str]] = _TARGETS

    selector: Selector | None = entry("whether it is this proxy's")
    action: Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"] = entry(
        "`rules.action` of an RBAC filter; AUDIT logs by `shadow_rules`; CUSTOM asks the `provider`, by an ext_authz "
        "filter, about requests that a rule is for",
        "ALLOW",
    )
    provider: PolicyProvider | None = entry("the service that CUSTOM asks")
    rules: tuple[Rule, ...] = entry(
        "policies of the RBAC filter, in the routes: a change reaches living connections", ()
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.action == "CUSTOM" and self.provider is None:
            yield "action", "CUSTOM needs a `provider`: the service that it asks"
        if self.action != "CUSTOM" and self.provider is not None:
            yield "provider", f"only CUSTOM asks a service, and this is {self.action}"


@frozen(kw_only=True)
class JWTHeader(Item):
    """A property that carries a token."""

    name: str = entry("`from_headers[].name`", REQUIRED)
    prefix: str = entry("`from_headers[].value_prefix`", "")


@frozen(kw_only=True)
class JWTRule(Item):
    """An issuer of tokens."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {
        "fromParams": "operations have no query: use `fromHeaders`",
        "fromCookies": "messages have no cookies: use `fromHeaders`",
        "outputPayloadToHeader": "it is not built yet",
        "outputClaimToHeaders": "it is not built yet",
        "spaceDelimitedClaims": "it is not built yet",
    }
    ONE_OF: ClassVar[tuple[tuple[str, ...], ...]] = (("jwks", "jwks_uri"),)

    issuer: str = entry("`providers[].issuer`", REQUIRED)
    audiences: tuple[str, ...] = entry("`audiences`", ())
    jwks: str = entry("`local_jwks.inline_string`", "")
    jwks_uri: str = entry("`remote_jwks.http_uri`: Envoy fetches the keys, from the ServiceEntry of that host", "")
    timeout: Duration = entry("`remote_jwks.http_uri.timeout`", Duration(5 * 10**9))
    from_headers: tuple[JWTHeader, ...] = entry(
        "`from_headers`; by default the property `authorization`, `Bearer `", ()
    )
    forward_original_token: bool = entry("`forward`", False)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.jwks_uri:
            if address_of_url(self.jwks_uri) is None:
                yield "jwksUri", "this is not a URL: https://login.example/keys"
        elif not self.jwks:
            yield "", "the keys are missing: write `jwks` or `jwksUri`"
        else:
            yield from self._keys()

    def _keys(self) -> Iterator[tuple[str, str]]:
        try:
            keys = json.loads(self.jwks)["keys"]
        except (ValueError, TypeError, KeyError, RecursionError):
            keys = None
        if not isinstance(keys, list) or not all(isinstance(one, dict) and "kty" in one for one in keys):
            yield "jwks", 'this is not a JSON Web Key Set: {"keys": [{"kty": ...}]}'


@frozen(kw_only=True)
class RequestAuthentication(Item):
    """The tokens that are accepted."""

    UNSUPPORTED: ClassVar[dict[str, str]] = _TARGETS

    selector: Selector | None = entry("whether it is this proxy's")
    jwt_rules: tuple[JWTRule, ...] = entry("the JWT filter", ())


@frozen(kw_only=True)
class MutualTLS(Item):
    """The TLS of listeners."""

    mode: Literal["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] = entry(
        "STRICT: listeners must have `tls` with `mode: MUTUAL`", "UNSET"
    )


@frozen(kw_only=True)
class PeerAuthentication(Item):
    """Requires TLS of connections, at listeners of Sidecar's ingress."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"portLevelMtls": "it is not built yet"}

    selector: Selector | None = entry("whether it is this proxy's")
    mtls: MutualTLS | None = entry("checked, not rendered: certificates are in Sidecar's `tls`")


__all__ = ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"]
