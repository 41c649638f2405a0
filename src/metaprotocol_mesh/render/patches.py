"""EnvoyFilter: changes of what was rendered, merged as protobuf merges: mappings by key, lists at the end."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from metaprotocol_mesh.places import Problem
from metaprotocol_mesh.render.listeners import HCM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaprotocol_mesh.model import EnvoyFilter, Object
    from metaprotocol_mesh.model.extensions import EnvoyConfigObjectPatch
    from metaprotocol_mesh.render.pieces import Json
    from metaprotocol_mesh.resolved import Cluster, Listener, Mesh

_CONTEXTS = {"outbound": "SIDECAR_OUTBOUND", "inbound": "SIDECAR_INBOUND", "gateway": "GATEWAY"}


def apply_patches(mesh: Mesh, listeners: Mapping[str, Json], clusters: Mapping[str, Json]) -> list[Problem]:
    """Change what was rendered; return patches that changed nothing, or too much, as problems.

    Args:
        mesh: Whose EnvoyFilters these are.
        listeners: By name, with their routes inside.
        clusters: By name.
    """
    problems: list[Problem] = []
    for owner in mesh.patches:
        for patch in owner.spec.config_patches:
            broken = False
            if patch.apply_to == "CLUSTER":
                chosen = [one.name for one in mesh.clusters.values() if _cluster_fits(patch, one)]
                for name in chosen:
                    merge(clusters[name], patch.patch.value)
                    broken = broken or not _is_cluster(clusters[name], name)
                done = bool(chosen)
            else:
                done = False
                for listener in mesh.listeners:
                    if _listener_fits(patch, listener):
                        done = _change(patch, listeners[listener.name]) or done
                        broken = broken or not _is_listener(listeners[listener.name], listener.name)
            if broken:  # those that follow, and what splits it into files, would stumble over it
                text = f"this patch of {owner.title} leaves no {patch.apply_to} that Envoy could read"
                hint = "names stay, and lists, mappings and the names of filters must be what they are in Envoy"
                return [*problems, Problem(patch.patch.at.of("value"), text, hint)]
            if not done:
                problems.append(_nothing(owner, patch))
    return problems


def _is_cluster(cluster: Json, name: str) -> bool:
    return cluster["name"] == name and isinstance(cluster["load_assignment"], dict)


def _is_listener(listener: Json, name: str) -> bool:
    """Return True if a listener has the parts that we read of it, in Envoy's shape."""
    if listener["name"] != name or not _are(listener["filter_chains"], "filters"):
        return False
    for chain in listener["filter_chains"]:
        if not _are(chain["filters"], "name"):
            return False
        for one in chain["filters"]:
            if one["name"] == HCM and not _is_hcm(one.get("typed_config")):
                return False
    return True


def _is_hcm(found: Any) -> bool:
    if not isinstance(found, dict) or not _are(found.get("http_filters"), "name"):
        return False
    routes = found.get("route_config")
    if not isinstance(routes, dict) or not _are(routes.get("virtual_hosts"), "name"):
        return False
    return all(_are(host.get("routes"), "name") for host in routes["virtual_hosts"])


def _are(found: Any, key: str) -> bool:
    """Return True for a list of mappings that have a key, which has a text if it is `name`."""
    kind = str if key == "name" else list
    return isinstance(found, list) and all(isinstance(one, dict) and isinstance(one.get(key), kind) for one in found)


def merge(target: Json, value: Mapping[str, Any]) -> None:
    """Merge a message into another: what is there stays unless the other says something else.

    Args:
        target: Is changed.
        value: Is merged in; its keys may be in camelCase.
    """
    for key, new in value.items():
        name = key if key in target or key.startswith("@") else _snake(key)
        old = target.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            merge(old, new)
        elif isinstance(old, list) and isinstance(new, list):
            old.extend(deepcopy(new))
        else:
            target[name] = deepcopy(new)


def _snake(key: str) -> str:
    """Return a key of Envoy's JSON as we render it, if it is a field's name and not a name in a map."""
    if not key.isascii() or not key.isalnum() or not key[:1].islower():
        return key
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def _nothing(owner: Object[EnvoyFilter], patch: EnvoyConfigObjectPatch) -> Problem:
    text = f"this patch of {owner.title} changes nothing: no {patch.apply_to} fits its `match`"
    return Problem(patch.at.of("match"), text, "`metaprotocol mesh render` shows the names")


def _listener_fits(patch: EnvoyConfigObjectPatch, listener: Listener) -> bool:
    match = patch.match
    if match is None:
        return True
    if match.context not in ("ANY", _CONTEXTS[listener.direction]) or match.cluster is not None:
        return False
    if match.listener is not None:
        return match.listener.name in ("", listener.name) and match.listener.port_number in (None, listener.port)
    if match.route_configuration is not None:
        wanted = match.route_configuration
        return wanted.name in ("", listener.name) and wanted.port_number in (None, listener.port)
    return True


def _cluster_fits(patch: EnvoyConfigObjectPatch, cluster: Cluster) -> bool:
    match = patch.match
    if match is None:
        return True
    context = "SIDECAR_OUTBOUND" if cluster.service is not None else "SIDECAR_INBOUND"
    if match.context not in ("ANY", context, "GATEWAY") or match.listener or match.route_configuration:
        return False
    wanted = match.cluster
    if wanted is None:
        return True
    host = cluster.service.host if cluster.service is not None else ""
    return (
        wanted.name in ("", cluster.name)
        and wanted.service in ("", host)
        and wanted.subset in ("", cluster.subset)
        and wanted.port_number in (None, cluster.port.number)
    )


def _change(patch: EnvoyConfigObjectPatch, listener: Json) -> bool:
    filters: list[Json] = listener["filter_chains"][0]["filters"]
    hcm: Json = next(one for one in filters if one["name"] == HCM)["typed_config"]
    value = patch.patch.value
    match patch.apply_to:
        case "LISTENER":
            merge(listener, value)
            return True
        case "NETWORK_FILTER" if patch.patch.operation != "MERGE":
            # Before the codec, which turns bytes into HTTP: nothing could stand between the two of them.
            filters.insert(0, deepcopy(dict(value)))
            return True
        case "NETWORK_FILTER":
            wanted = _filter_name(patch) or HCM
            chosen = [one for one in filters if one["name"] == wanted]
            for one in chosen:
                _merge_extension(one, value)
            return bool(chosen)
        case "ROUTE_CONFIGURATION":
            merge(hcm["route_config"], value)
            return True
        case "VIRTUAL_HOST" | "HTTP_ROUTE":
            targets = list(_routes(patch, hcm["route_config"]))
            for one in targets:
                merge(one, value)
            return bool(targets)
        case _:
            return _http_filter(patch, hcm["http_filters"])


def _routes(patch: EnvoyConfigObjectPatch, configuration: Json) -> Iterator[Json]:
    match = patch.match.route_configuration if patch.match is not None else None
    vhost = match.vhost if match is not None else None
    for host in configuration["virtual_hosts"]:
        if vhost is not None and vhost.name not in ("", host["name"]):
            continue
        if patch.apply_to == "VIRTUAL_HOST":
            yield host
            continue
        wanted = vhost.route if vhost is not None else None
        for route in host["routes"]:
            kind = "ROUTE" if "route" in route else "DIRECT_RESPONSE"
            if wanted is None or (wanted.name in ("", route["name"]) and wanted.action in ("ANY", kind)):
                yield route


def _filter_name(patch: EnvoyConfigObjectPatch) -> str:
    listener = patch.match.listener if patch.match is not None else None
    chain = listener.filter_chain if listener is not None else None
    return chain.filter.name if chain is not None and chain.filter is not None else ""


def _sub_filter(patch: EnvoyConfigObjectPatch) -> str:
    listener = patch.match.listener if patch.match is not None else None
    chain = listener.filter_chain if listener is not None else None
    sub = chain.filter.sub_filter if chain is not None and chain.filter is not None else None
    return sub.name if sub is not None else ""


def _http_filter(patch: EnvoyConfigObjectPatch, filters: list[Json]) -> bool:
    """Change the HTTP filters. The first is ours, and stays the first; the router stays the last."""
    operation, value, name = patch.patch.operation, deepcopy(dict(patch.patch.value)), _sub_filter(patch)
    where = [index for index, one in enumerate(filters) if one["name"] == name]
    if operation == "ADD" or (operation == "INSERT_BEFORE" and not name):
        filters.insert(len(filters) - 1, value)
        return True
    if operation == "INSERT_FIRST" or (operation == "INSERT_AFTER" and not name):
        filters.insert(1, value)
        return True
    if not where:
        return False
    index = where[0]
    if operation == "INSERT_BEFORE":
        filters.insert(max(index, 1), value)
    elif operation == "INSERT_AFTER":
        filters.insert(min(index + 1, len(filters) - 1), value)
    elif index in (0, len(filters) - 1) and operation in ("REMOVE", "REPLACE"):
        return False
    elif operation == "REMOVE":
        del filters[index]
    elif operation == "REPLACE":
        filters[index] = value
    else:
        _merge_extension(filters[index], value)
    return True


def _merge_extension(one: Json, value: Mapping[str, Any]) -> None:
    merge(one, {key: part for key, part in value.items() if key != "name"})
