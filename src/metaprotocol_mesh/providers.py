"""Services that a proxy asks and tells: about requests, for keys of tokens, with logs and traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from metaprotocol_mesh.model import IstioOperator, yaml_name
from metaprotocol_mesh.model.operator import ExtensionProvider, FileAccessLog, PrometheusMetrics
from metaprotocol_mesh.names import address_of_url, cluster_name, full_name
from metaprotocol_mesh.places import Problem, did_you_mean
from metaprotocol_mesh.resolved import Provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaprotocol_mesh.load import Configuration
    from metaprotocol_mesh.model import AuthorizationPolicy, Object, RequestAuthentication, Telemetry
    from metaprotocol_mesh.model.extensions import ProviderRef
    from metaprotocol_mesh.model.security import PolicyProvider
    from metaprotocol_mesh.places import Place
    from metaprotocol_mesh.resolved import Cluster, Proxy

_ISTIOS_OWN = (
    ExtensionProvider(name="envoy", envoy_file_access_log=FileAccessLog()),
    ExtensionProvider(name="prometheus", prometheus=PrometheusMetrics()),
)
"""The providers that an installation of Istio has without naming them."""


@frozen
class Providers:
    """Finds the services.

    Args:
        configuration: With the IstioOperators that name some.
        proxy: In whose namespace short names are.
        clusters: All clusters, by name.
        problems: Gets what is wrong.
    """

    configuration: Configuration
    proxy: Proxy
    clusters: Mapping[str, Cluster]
    problems: list[Problem]

    def authorizer(self, policies: Iterable[Object[AuthorizationPolicy]]) -> Provider | None:
        """Return the service that CUSTOM policies ask. As in Istio, a proxy asks one at most.

        Args:
            policies: Of any action.
        """
        asked: Provider | None = None
        for policy in policies:
            wanted = policy.spec.provider
            if wanted is None:
                continue
            found = self._named(wanted, ("envoy_ext_authz_grpc", "envoy_ext_authz_http"))
            if found is None:
                continue
            if asked is not None and asked.says is not found.says:
                text = f"another policy asks {asked.says.name!r}: a proxy asks one service"
                self._wrong(wanted.at, text, "let one service decide about both")
            asked = found
        return asked

    def issuers(self, authentications: Iterable[Object[RequestAuthentication]]) -> dict[str, str]:
        """Return the clusters that keys of tokens are fetched from, by URL.

        Args:
            authentications: With the URLs.
        """
        found = {}
        for authentication in authentications:
            for rule in authentication.spec.jwt_rules:
                address = address_of_url(rule.jwks_uri) if rule.jwks_uri else None
                if address is None:
                    continue
                host, port = full_name(address[0], authentication.metadata.namespace), address[1]
                place, name = rule.at.of("jwksUri"), cluster_name(port, "", host)
                cluster = self.clusters.get(name)
                if cluster is None:
                    text = f"no ServiceEntry has the host {host} with the port {port}"
                    self._wrong(place, text, "write one: Envoy fetches the keys from it")
                elif cluster.port.codec:
                    text = f"the port {port} of {host} speaks {cluster.port.codec}, and not HTTP"
                    self._wrong(place, text, "name it `http` or `https`")
                elif rule.jwks_uri.startswith("https:") and cluster.policy.tls is None:
                    text = f"connections to {host} have no TLS, and the URL is of https"
                    self._wrong(place, text, f"write a DestinationRule of {host} with `tls: {{mode: SIMPLE}}`")
                found[rule.jwks_uri] = name
        return found

    def of_telemetry(self, telemetries: Iterable[Object[Telemetry]]) -> dict[str, Provider]:
        """Return the providers of access logs, metrics and traces, by name.

        Args:
            telemetries: Name them.
        """
        found: dict[str, Provider] = {}
        for telemetry in (one.spec for one in telemetries):
            for kinds, named in (
                (("envoy_file_access_log",), telemetry.access_logging),
                (("zipkin", "opentelemetry"), telemetry.tracing),
                (("prometheus",), telemetry.metrics),
            ):
                for wanted in (provider for one in named for provider in one.providers):
                    provider = self._named(wanted, kinds)
                    if provider is not None:
                        found[wanted.name] = provider
        return found

    def _named(self, wanted: PolicyProvider | ProviderRef, kinds: tuple[str, ...]) -> Provider | None:
        """Return a provider that an object names.

        Args:
            wanted: The name.
            kinds: Fields of ExtensionProvider, of which the provider must have one.
        """
        operators = [one.spec.mesh_config for one in self.configuration.of(IstioOperator) if one.spec.mesh_config]
        own = [one for mesh in operators for one in mesh.extension_providers]
        known = {one.name: one for one in (*_ISTIOS_OWN, *own) if any(getattr(one, kind) for kind in kinds)}
        if wanted.name not in known:
            fields = " or ".join(map(yaml_name, kinds))
            text = f"no IstioOperator has a provider {wanted.name!r} with {fields} in `meshConfig.extensionProviders`"
            self._wrong(wanted.at, text, did_you_mean(wanted.name, known))
            return None
        provider = known[wanted.name]
        service: Any = next(found for kind in kinds if (found := getattr(provider, kind)))
        if not hasattr(service, "service"):
            return Provider(provider)
        host = service.service.rpartition("/")[2]
        name = cluster_name(service.port, "", full_name(host, self.proxy.namespace))
        if name not in self.clusters:
            text = f"no ServiceEntry has the service {service.service} with the port {service.port}"
            self._wrong(service.at, text)
        elif self.clusters[name].port.codec:
            text = f"the port {service.port} of {service.service} speaks {self.clusters[name].port.codec}, and not HTTP"
            self._wrong(service.at, text, "name it `grpc` or `http`")
        return Provider(provider, name)

    def _wrong(self, place: Place, text: str, hint: str = "") -> None:
        self.problems.append(Problem(place, text, hint))
