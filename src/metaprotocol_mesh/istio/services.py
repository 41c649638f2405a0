"""The services of a cluster, from ServiceEntries and from Services of Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_mesh.load import Configuration
from metaprotocol_mesh.model import DestinationRule, Item, Object, Service, ServiceEntry
from metaprotocol_mesh.model.networking import Port
from metaprotocol_mesh.names import full_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from metaprotocol_mesh.model.kubernetes import KubernetesPort


def with_entries(configuration: Configuration) -> Configuration:
    """Return a configuration in which each Service is the ServiceEntry that istiod makes of it, without its pods.

    Args:
        configuration: Of a cluster.
    """
    return Configuration(
        [_entry(one, one.spec) if isinstance(one.spec, Service) else one for one in configuration.objects]
    )


def owners_of_hosts(entries: Iterable[Object[ServiceEntry]]) -> dict[str, Object[ServiceEntry]]:
    """Return the ServiceEntry of each host.

    Args:
        entries: Of a configuration.
    """
    return {full_name(host, one.metadata.namespace): one for one in entries for host in one.spec.hosts}


def rules_of_hosts(configuration: Configuration, hosts: Container[str]) -> list[Object[DestinationRule]]:
    """Return the DestinationRules of some hosts.

    Args:
        configuration: With the rules.
        hosts: Whole names.
    """
    rules = configuration.of(DestinationRule)
    return [one for one in rules if full_name(one.spec.host, one.metadata.namespace) in hosts]


def number_of_target(port: KubernetesPort) -> int | None:
    """Return the number of the pods' port that a Service's port stands for; None if it has none, or a name.

    Args:
        port: Of a Service.
    """
    return port.target_port if type(port.target_port) is int else None


def _entry(owner: Object[Item], service: Service) -> Object[Item]:
    ports = tuple(_port(one) for one in service.ports if one.protocol == "TCP")
    host = full_name(owner.metadata.name, owner.metadata.namespace)
    entry = ServiceEntry(at=service.at, hosts=(host,), ports=ports, location="MESH_INTERNAL", resolution="STATIC")
    return Object(owner.kind, owner.metadata, entry)


def _port(port: KubernetesPort) -> Port:
    name = port.name
    if port.app_protocol == "http" and not name.startswith("http"):
        name = f"http-{name}"
    elif port.app_protocol and port.app_protocol != "http":
        name = port.app_protocol
    return Port(at=port.at, number=port.port, name=name, target_port=number_of_target(port))
