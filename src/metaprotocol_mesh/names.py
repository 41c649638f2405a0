"""Names as Istio resolves them: hosts, ports, namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOMAIN = "svc.cluster.local"


def full_name(host: str, namespace: str) -> str:
    """Return the whole name of a host: a name without a dot is a service of the namespace."""
    host = host.rstrip(".").lower()
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


def short_names(host: str, namespace: str) -> list[str]:
    """Return the names by which a proxy of a namespace may call a service, the whole one first."""
    names = [host]
    name, _, rest = host.partition(".")
    of, _, domain = rest.partition(".")
    if domain == DOMAIN and name != "*":
        names += [f"{name}.{of}.svc", f"{name}.{of}"]
        if of == namespace:
            names.append(name)
    return names


def host_matches(pattern: str, host: str) -> bool:
    """Return True if a host is the pattern, or below its wildcard."""
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else pattern == host


def visible(export_to: Iterable[str], owner: str, namespace: str) -> bool:
    """Return True if an object of the namespace `owner` is seen from a namespace."""
    names = list(export_to)
    return not names or "*" in names or namespace in names or ("." in names and owner == namespace)


def cluster_name(port: int, subset: str, host: str) -> str:
    """Return istiod's name of the cluster of a service; the subset may be ""."""
    return f"outbound|{port}|{subset}|{host}"


def address_of_url(url: str) -> tuple[str, int] | None:
    """Return the host and the port of a URL of HTTP; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError):
        return None
    return (parts.hostname, port) if parts.hostname else None


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return True if a proxy with these labels has all labels of a selector."""
    return all(labels.get(name) == value for name, value in selector.items())
