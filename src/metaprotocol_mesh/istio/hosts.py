"""The Service or ServiceEntry of a host in a cluster, and whether Istio knows its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaprotocol_mesh.kubernetes import Json, Key, title
from metaprotocol_mesh.names import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TCP = "tcp-metaprotocol-"


def service_key(host: str) -> Key | None:
    """Return the namespace and the name of the Service that a host is; None if it is none of Kubernetes."""
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    return (namespace, name) if domain == DOMAIN else None


def port_named(
    host: str, services: Mapping[Key, Json], entries: Mapping[Key, Json], protocols: Mapping[str, str]
) -> tuple[str, str, str]:
    """Return whether a host has a port that names its codec: "True", "False" or "Unknown", a reason and a text.

    Codecs need not be installed here.

    Args:
        host: Its full name.
        services: Of the cluster.
        entries: Its ServiceEntries.
        protocols: Codecs by the names that ApplicationProtocols give them.
    """
    owner, names = next(_owners(host, services, entries), ("", []))
    if not owner:
        return "Unknown", "NoService", f"no Service and no ServiceEntry has the host {host}"
    old = next((one.removeprefix(_TCP) for one in names if one.startswith(_TCP)), "")
    codec = protocols.get(old, old.partition("-")[0])
    new = (f"http-{codec}", f"tcp-{codec}") if codec else ("http-", "tcp-")
    if any(one.startswith(new) and not one.startswith(_TCP) for one in names):
        return "True", "PortNamed", f"{owner} has a port that names its codec"
    text = f"Istio takes the ports of {owner} for TCP, and the VirtualService does not hold there"
    return "False", "PortIsTcp", f"{text}; add a port with the name http-{codec or '<codec>'}"


def mapping(value: Any) -> Json:
    """Return a value of an object that should be a mapping; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def _owners(host: str, services: Mapping[Key, Json], entries: Mapping[Key, Json]) -> Iterator[tuple[str, list[str]]]:
    """Yield those that have a host, and the names of their ports, as Istio reads them."""
    key = service_key(host)
    if key is not None and key in services:
        yield title(services[key]), [*_names(services[key])]
    for entry in entries.values():
        if host in _list(mapping(entry.get("spec")).get("hosts")):
            yield title(entry), [*_names(entry)]


def _names(owner: Json) -> Iterator[str]:
    for port in map(mapping, _list(mapping(owner.get("spec")).get("ports"))):
        protocol, name = str(port.get("appProtocol") or ""), str(port.get("name") or "")
        if protocol == "http":
            yield name if name.startswith("http-") else f"http-{name}"
        else:
            yield protocol or name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
