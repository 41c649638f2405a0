"""Warns of settings of servers that Envoy would accept, and of which nothing comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_mesh.names import selects
from metaprotocol_mesh.places import Problem
from metaprotocol_mesh.resolved import LOCALITY_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_mesh.resolved import Mesh

_EJECTED_AT_MOST = 10
"""Envoy's `max_ejection_percent` where none is written."""


def cluster_warnings(mesh: Mesh) -> Iterator[Problem]:
    """Yield what is likely wrong with the settings of servers.

    Args:
        mesh: What a proxy does.
    """
    yield from _subsets(mesh)
    yield from _localities(mesh)
    yield from _ejections(mesh)


def _subsets(mesh: Mesh) -> Iterator[Problem]:
    for cluster in mesh.clusters.values():
        service = cluster.service
        if service is None or not cluster.subset or not service.entry.endpoints:
            continue
        if not any(selects(cluster.labels, one.labels) for one in service.entry.endpoints):
            labels = ", ".join(f"{name}={value}" for name, value in cluster.labels.items())
            text = f"no endpoint of {service.host} has the labels of its subset {cluster.subset}: {labels}"
            yield Problem(service.entry.at.of("endpoints"), text)


def _localities(mesh: Mesh) -> Iterator[Problem]:
    """Yield settings of localities that change nothing."""
    for cluster in mesh.clusters.values():
        balancer = cluster.policy.load_balancer
        setting = balancer.locality_lb_setting if balancer is not None else None
        if setting is None or not setting.enabled:
            continue
        if (setting.distribute or setting.failover) and not mesh.proxy.locality:
            hint = f"say where it is: --labels {LOCALITY_LABELS[0]}=region.zone.subzone"
            yield Problem(setting.at, "it has no effect: the proxy has no locality", hint)
        if setting.failover_priority and not mesh.proxy.labels:
            yield Problem(setting.at, "it has no effect: the proxy has no labels", "give it some: --labels app=here")
        if (setting.failover or setting.failover_priority) and cluster.policy.outlier_detection is None:
            text = "nothing fails over without `outlierDetection`, which finds servers that fail"
            yield Problem(setting.at, text, "add it to the same `trafficPolicy`")


def _ejections(mesh: Mesh) -> Iterator[Problem]:
    """Yield outlier detections that never eject a server: Envoy counts the one that it would eject."""
    for cluster in mesh.clusters.values():
        settings, service = cluster.policy.outlier_detection, cluster.service
        if settings is None or service is None:
            continue
        count = sum(selects(cluster.labels, one.labels) for one in service.entry.endpoints)
        most = settings.max_ejection_percent or _EJECTED_AT_MOST
        if count > 1 and 100 / count > most:
            text = f"of {count} servers none is ever ejected: at most {most} % of them may be"
            yield Problem(settings.at, text, f"`maxEjectionPercent: {-(-100 // count)}` lets one be")
