"""The services of a cluster, from ServiceEntries and from Services of Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_mesh.load import Configuration
from metaprotocol_mesh.model import Item, Object, Service, ServiceEntry
from metaprotocol_mesh.model.networking import Port
from metaprotocol_mesh.names import full_name

if TYPE_CHECKING:
    from metaprotocol_mesh.model.kubernetes import KubernetesPort


def with_entries(configuration: Configuration) -> Configuration:
    """Return a configuration in which each Service is the ServiceEntry that istiod makes of it, without its pods.

    Args:
        configuration: Of a cluster.
    """
    return Configuration(
        [_entry(one, one.spec) if isinstance(one.spec, Service) else one for one in configuration.objects]
    )


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
    target = port.target_port if type(port.target_port) is int else None
    return Port(at=port.at, number=port.port, name=name, target_port=target)
