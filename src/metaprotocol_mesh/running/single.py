"""The configuration of one service, for who has no files yet."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_API = "networking.istio.io/v1"


def single_service(codec: str, listen: tuple[str, int], upstreams: Sequence[tuple[str, int]]) -> str:
    """Return the configuration of a listener that hands every request to some servers.

    Args:
        codec: The name of the protocol's codec.
        listen: The IP address and the port of the listener.
        upstreams: The hosts and the ports of the servers, at least one.
    """
    address, number = listen
    host = "upstream.default.svc.cluster.local"
    port = {"number": number, "name": f"http-{codec}", "protocol": "HTTP"}
    endpoints = [{"address": name, "ports": {port["name"]: to}} for name, to in upstreams]
    resolution = "STATIC" if all(_is_ip(name) for name, _ in upstreams) else "DNS"
    entry = {"hosts": [host], "ports": [port], "resolution": resolution, "endpoints": endpoints}
    egress = {"port": port, "bind": address, "captureMode": "NONE", "hosts": [f"./{host}"]}
    objects = [_object("ServiceEntry", "upstream", entry), _object("Sidecar", "here", {"egress": [egress]})]
    return "\n---\n".join(json.dumps(one, indent=1) for one in objects)


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
