"""The servers of a cluster, by locality and priority, as istiod orders them for a proxy of the same labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from metaprotocol_mesh.names import selects
from metaprotocol_mesh.render.pieces import Json, socket_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaprotocol_mesh.model.destination_rule import Distribute, Failover
    from metaprotocol_mesh.model.networking import WorkloadEntry
    from metaprotocol_mesh.resolved import Cluster, Proxy

_PRIORITIES_OF_LOCALITY = 5


def localities(cluster: Cluster, proxy: Proxy) -> list[Json]:
    """Return the servers of a cluster.

    Args:
        cluster: It.
        proxy: Whose it is.
    """
    if cluster.service is None:
        return [{"lb_endpoints": [_inbound(cluster.endpoint)]}]
    entries: tuple[WorkloadEntry, ...] = cluster.service.entry.endpoints
    if not entries:  # DNS without endpoints asks for the host itself
        address = socket_address(cluster.service.host, cluster.port.target)
        return [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    balancer = cluster.policy.load_balancer
    setting = balancer.locality_lb_setting if balancer is not None else None
    on = setting is None or setting.enabled
    # Without outlier detection nothing would ever fail over.
    fails_over = on and cluster.policy.outlier_detection is not None
    # As istiod does, which compares labels for no proxy without any.
    preferred = setting.failover_priority if setting is not None and fails_over and proxy.labels else ()
    groups: dict[tuple[str, int], list[WorkloadEntry]] = {}
    for entry in entries:
        if selects(cluster.labels, entry.labels):
            key = (entry.locality, _unlike(entry.labels, proxy.labels, preferred))
            groups.setdefault(key, []).append(entry)
    if on and proxy.locality and setting is not None and setting.distribute is not None:
        weights = _weights(groups, proxy.locality, setting.distribute)
        return [_group(group, cluster, weight=weights[key]) for key, group in groups.items() if weights[key] != 0]
    order = dict.fromkeys(groups, 0)
    if fails_over:
        failovers = setting.failover if setting is not None else None
        by_locality = proxy.locality and (not preferred or failovers)
        for key in groups:
            far = _distance(proxy.locality, key[0], failovers or ()) if by_locality else 0
            order[key] = key[1] * _PRIORITIES_OF_LOCALITY + far
    # Envoy refuses gaps.
    priorities = {number: priority for priority, number in enumerate(sorted(set(order.values())))}
    return [_group(group, cluster, priority=priorities[order[key]]) for key, group in groups.items()]


def _group(entries: Sequence[WorkloadEntry], cluster: Cluster, weight: int | None = None, priority: int = 0) -> Json:
    found: Json = {"lb_endpoints": [_endpoint(entry, cluster) for entry in entries]}
    locality = entries[0].locality
    if locality:
        parts = zip(("region", "zone", "sub_zone"), locality.split("/"), strict=False)
        found["locality"] = {name: value for name, value in parts if value}
    if weight is not None:
        found["load_balancing_weight"] = weight
    if priority:
        found["priority"] = priority
    return found


def _endpoint(entry: WorkloadEntry, cluster: Cluster) -> Json:
    if entry.address.startswith("unix://"):
        address: Json = {"pipe": {"path": entry.address.removeprefix("unix://")}}
    else:
        port = entry.ports.get(cluster.port.name, cluster.port.target)
        address = socket_address(entry.address, port)
    found: Json = {"endpoint": {"address": address}}
    if entry.weight is not None:
        found["load_balancing_weight"] = entry.weight
    return found


def _inbound(endpoint: str) -> Json:
    if endpoint.startswith("unix://"):
        return {"endpoint": {"address": {"pipe": {"path": endpoint.removeprefix("unix://")}}}}
    host, _, port = endpoint.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - what istiod makes of them
    return {"endpoint": {"address": socket_address(host.strip("[]"), int(port))}}


def _unlike(labels: Mapping[str, str], ours: Mapping[str, str], preferred: Sequence[str]) -> int:
    """Return how many of the preferred labels are left, from the first on that a server does not share with us."""
    for at, one in enumerate(preferred):
        name, given, value = one.partition("=")
        if labels.get(name, "") != (value if given else ours.get(name, "")):
            return len(preferred) - at
    return 0


def _distance(ours: str, locality: str, failovers: Sequence[Failover]) -> int:
    """Return 0 for a locality that is ours, up to 3 for another region, and 4 for one that `failover` does not name."""
    same = [a == b for a, b in zip(_padded(ours), _padded(locality), strict=True)]
    shared = next((number for number, equal in enumerate(same) if not equal), len(same))
    if not shared:
        region, theirs = ours.partition("/")[0], locality.partition("/")[0]
        named = next((one for one in failovers if one.from_ == region), None)
        if named is not None and named.to != theirs:
            return _PRIORITIES_OF_LOCALITY - 1
    return 3 - shared


def _padded(locality: str) -> list[str]:
    return [*locality.split("/"), "", "", ""][:3]


def _weights(
    groups: Mapping[tuple[str, int], Sequence[WorkloadEntry]], ours: str, rules: Sequence[Distribute]
) -> dict[tuple[str, int], int | None]:
    """Return the weight of each locality; 0 for one that gets nothing, None if no rule is for us.

    Localities that one pattern means share its weight by the weights of their servers.
    """
    rule = next((one for one in rules if _inside(ours, one.from_)), None)
    if rule is None:
        return dict.fromkeys(groups)
    found: dict[tuple[str, int], int | None] = dict.fromkeys(groups, 0)
    left = list(groups)
    for pattern, weight in rule.to.items():
        meant = [key for key in left if _inside(key[0], pattern)]
        left = [key for key in left if key not in meant]
        sizes = {key: sum(entry.weight or 1 for entry in groups[key]) for key in meant}
        for key, size in sizes.items():
            found[key] = math.ceil(size * weight / sum(sizes.values()))
    return found


def _inside(locality: str, pattern: str) -> bool:
    return pattern in {"*", locality} or locality.startswith(pattern.removesuffix("*").rstrip("/") + "/")
