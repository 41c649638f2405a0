"""Envoy's configuration: from one file that stands alone, or from files that Envoy watches."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.render.clusters import render_cluster
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.render.listeners import HCM, render_listener
from metaprotocol_mesh.render.patches import apply_patches
from metaprotocol_mesh.render.statistics import admin_cluster, metrics_listener, stats_config
from metaprotocol_mesh.render.tap import with_taps

if TYPE_CHECKING:
    from pathlib import Path

    from metaprotocol_mesh.places import Problem
    from metaprotocol_mesh.render.pieces import Json
    from metaprotocol_mesh.resolved import Mesh

WATCHDOG_SECONDS = 60
"""After so many seconds in which one of its threads does nothing but one call, Envoy ends itself."""

# As in Istio's bootstrap. With Envoy's own limit of 100, a file that a cluster takes would be refused here.
_RUNTIME = {"re2.max_program_size.error_level": 32768}


@frozen
class Rendered:
    """The configuration of one Envoy.

    Args:
        listeners: With their routes inside.
        clusters: With their endpoints inside.
        watched: Names of clusters whose endpoints may come from a file of their own.
        node: The proxy's id and cluster.
    """

    listeners: tuple[Json, ...]
    clusters: tuple[Json, ...]
    watched: frozenset[str]
    node: Json

    def bootstrap(self, admin: str = "") -> Json:
        """Return one configuration that stands alone: what `mesh render` prints, and `envoy --mode validate` reads.

        Args:
            admin: The path of the admin's unix socket; "" for none.
        """
        found = self._bootstrap(admin)
        listeners = with_taps(self.listeners) if admin else list(self.listeners)
        found["static_resources"] = {"listeners": listeners, "clusters": list(self.clusters)}
        return found

    def files(self, folder: Path, metrics: tuple[str, int] | None = None) -> dict[str, Json]:
        """Return files by name, all to be written into one folder; Envoy starts with `bootstrap.json`.

        Listeners, routes, clusters and endpoints are files of their own, so that a change of one touches no other.

        Args:
            folder: Where they will be; its path is in the files.
            metrics: The IP address and the port where Prometheus finds Envoy's metrics; None for nowhere.
        """
        files: dict[str, Json] = {}
        listeners, clusters = [], []
        for one in with_taps(self.listeners):
            hcm = next(found for found in one["filter_chains"][0]["filters"] if found["name"] == HCM)["typed_config"]
            name = _file_name("routes", one["name"])
            files[name] = resources([{"@type": _type("route.v3.RouteConfiguration"), **hcm.pop("route_config")}])
            hcm["rds"] = {"route_config_name": one["name"], "config_source": _source(folder, name)}
            listeners.append({"@type": _type("listener.v3.Listener"), **one})
        for one in deepcopy(self.clusters):
            if one["name"] in self.watched:
                name = _file_name("endpoints", one["name"])
                kind = _type("endpoint.v3.ClusterLoadAssignment")
                files[name] = resources([{"@type": kind, **one.pop("load_assignment")}])
                one["type"] = "EDS"
                one["eds_cluster_config"] = {"eds_config": _source(folder, name)}
            clusters.append({"@type": _type("cluster.v3.Cluster"), **one})
        files["listeners.json"] = resources(listeners)
        files["clusters.json"] = resources(clusters)
        admin = str(folder / "admin.sock")
        bootstrap = self._bootstrap(admin)
        if metrics is not None:
            static = {"listeners": [metrics_listener(*metrics)], "clusters": [admin_cluster(admin)]}
            bootstrap["static_resources"] = static
        bootstrap["dynamic_resources"] = {
            "lds_config": _source(folder, "listeners.json"),
            "cds_config": _source(folder, "clusters.json"),
        }
        files["bootstrap.json"] = bootstrap
        return files

    def _bootstrap(self, admin: str) -> Json:
        found: Json = {"node": self.node, "watchdogs": watchdogs(), "stats_flush_interval": "1s"}
        found["stats_config"] = stats_config()
        found["layered_runtime"] = {"layers": [{"name": "global config", "static_layer": _RUNTIME}]}
        if admin:
            # Whoever may open it can read the mesh's secrets, and stop it.
            found["admin"] = {"address": {"pipe": {"path": admin, "mode": 0o600}}}
        return found


def watchdogs(kill: int = WATCHDOG_SECONDS) -> Json:
    """Return the field of the bootstrap that ends an Envoy that hangs.

    Args:
        kill: Seconds for which a thread may hang.
    """
    # The first two are Envoy's own; without the third it only counts.
    one = {"miss_timeout": "0.2s", "megamiss_timeout": "1s", "kill_timeout": f"{kill}s"}
    return {"main_thread_watchdog": one, "worker_watchdog": one}


def render(mesh: Mesh, engine: Engine | None = None) -> Rendered:
    """Return Envoy's configuration of a proxy.

    Args:
        mesh: What it does.
        engine: Reads it; by default the engine that is installed.

    Raises:
        ModuleNotBuilt: There is no engine.
        LibpythonNotFound: This Python has no shared library.
        ConfigurationError: Something of it cannot be rendered.
    """
    engine = engine or Engine.installed()
    listeners: dict[str, Json] = {}
    problems: list[Problem] = []
    for one in mesh.listeners:
        try:
            listeners[one.name] = render_listener(one, mesh, engine)
        except ConfigurationError as error:
            problems += error.problems
    clusters: dict[str, Json] = {}
    watched: set[str] = set()
    for cluster in mesh.clusters.values():
        try:
            rendered = render_cluster(cluster, mesh.proxy, engine)
        except ConfigurationError as error:
            problems += error.problems
            continue
        clusters[cluster.name] = {**rendered.cluster, "load_assignment": rendered.assignment}
        if rendered.watched:
            watched.add(cluster.name)
    if not problems:
        problems += apply_patches(mesh, listeners, clusters)
    if problems:
        raise ConfigurationError(dict.fromkeys(problems))
    proxy = mesh.proxy
    name = f"{proxy.app}.{proxy.namespace}"
    node: Json = {"id": name, "cluster": name}
    if proxy.locality:
        parts = zip(("region", "zone", "sub_zone"), proxy.locality.split("/"), strict=False)
        node["locality"] = dict(parts)
    return Rendered(tuple(listeners.values()), tuple(clusters.values()), frozenset(watched), node)


def resources(found: list[Json]) -> Json:
    """Return the content of a file that Envoy watches. Envoy tells the version that it has taken in its statistics.

    Args:
        found: Listeners, clusters, routes or endpoints.
    """
    version = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
    return {"version_info": version, "resources": found}


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.config.{name}"


def _source(folder: Path, name: str) -> Json:
    return {"path_config_source": {"path": str(folder / name)}, "resource_api_version": "V3"}


def _file_name(kind: str, name: str) -> str:
    """Return a file's name that no other resource has, whatever characters the resource's own name has."""
    safe = "".join(one if one.isalnum() or one in ".-_" else f"~{ord(one):x}~" for one in name)
    if len(safe) > 200:  # a file's name has at most 255 bytes
        safe = f"{safe[:130]}.{hashlib.sha256(name.encode()).hexdigest()}"
    return f"{kind}.{safe}.json"
