"""Configuration of a mesh for tests."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.render import Rendered, render
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.render.listeners import HCM
from metaprotocol_mesh.resolve import resolve
from metaprotocol_mesh.resolved import Mesh

ABSENT = Engine.absent()
RICH = Path(__file__).parents[1] / "mesh" / "rich.yaml"
"""Nearly every field that is supported."""

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http-awesomerpc, protocol: HTTP}]
  endpoints:
  - {address: 127.0.0.1, ports: {http-awesomerpc: 21101}, labels: {version: v1}}
  - {address: 127.0.0.1, ports: {http-awesomerpc: 21102}, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews.default.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - match: [{headers: {user: {exact: jason}}}]
    route: [{destination: {host: reviews.default.svc.cluster.local, subset: v2}}]
  - route: [{destination: {host: reviews.default.svc.cluster.local, subset: v1}}]
"""

LISTENER = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  workloadSelector: {labels: {app: here}}
  egress:
  - port: {number: 19080, name: http-awesomerpc, protocol: HTTP}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./reviews.default.svc.cluster.local"]
"""

PODS = """
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: shop}
spec:
  selector: {app: ratings}
  ports: [{port: 9080, name: http-awesomerpc, targetPort: 8080}]
"""
"""A Service of Kubernetes."""


def documents(*texts: str) -> str:
    return "\n---\n".join(texts)


def routes(http: str) -> str:
    """Return a VirtualService of reviews with these rules, written at the margin."""
    indented = "".join(f"  {line}\n" for line in http.strip().splitlines())
    return ROUTES.partition("  http:")[0] + "  http:\n" + indented


def mesh_of(*texts: str, **proxy: Any) -> Mesh:
    return resolve(load_text(documents(*texts), "mesh.yaml"), **proxy)


def rendered(*texts: str, engine: Engine = ABSENT, **proxy: Any) -> Rendered:
    return render(mesh_of(*texts, **proxy), engine)


def anywhere(found: Rendered) -> Rendered:
    """Return the configuration with listeners on ports that the kernel chooses."""
    listeners = copy.deepcopy(found.listeners)
    for listener in listeners:
        listener["address"]["socket_address"]["port_value"] = 0
    return evolve(found, listeners=listeners)


def problems(*texts: str, **proxy: Any) -> list[Problem]:
    """Return what is wrong with a configuration, with each place."""
    try:
        rendered(*texts, **proxy)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def manager(listener: Mapping[str, Any]) -> Any:
    """Return the configuration of a listener's HTTP connection manager."""
    filters = listener["filter_chains"][0]["filters"]
    return next(one for one in filters if one["name"] == HCM)["typed_config"]


def settings_of(listener: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a listener's codec filter."""
    text = listener["filter_chains"][0]["filters"][0]["typed_config"]["filter_config"]["value"]
    return dict(line.split(" = ", 1) for line in text.splitlines())


def first_route(*texts: str) -> Any:
    (listener,) = rendered(*texts).listeners
    return manager(listener)["route_config"]["virtual_hosts"][0]["routes"][0]


def cluster(name: str, *texts: str) -> Any:
    return next(one for one in rendered(*texts).clusters if one["name"] == name)
