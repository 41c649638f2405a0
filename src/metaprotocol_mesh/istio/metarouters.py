"""Objects of Istio that a cluster should have for its MetaRouters, and the conditions that tell of them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve, field, frozen

from metaprotocol_mesh.aeraki import codec_name
from metaprotocol_mesh.istio.convert import convert_router
from metaprotocol_mesh.istio.hosts import mapping, port_named, service_key
from metaprotocol_mesh.kubernetes import Json, Key, Resource, key_of, title
from metaprotocol_mesh.load import RENDERED, read_json
from metaprotocol_mesh.model import MetaRouter, Service
from metaprotocol_mesh.names import full_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaprotocol_mesh.model import Item, Object
    from metaprotocol_mesh.places import Problem

METAROUTERS = Resource("metaprotocol.aeraki.io/v1alpha1", "metarouters", "MetaRouter")
PROTOCOLS = Resource("metaprotocol.aeraki.io/v1alpha1", "applicationprotocols", "ApplicationProtocol")
SERVICES = Resource("v1", "services", "Service")
ENTRIES = Resource("networking.istio.io/v1", "serviceentries", "ServiceEntry")
VIRTUAL_SERVICES = Resource("networking.istio.io/v1", "virtualservices", "VirtualService")
ENVOY_FILTERS = Resource("networking.istio.io/v1alpha3", "envoyfilters", "EnvoyFilter")

READ = (METAROUTERS, PROTOCOLS, SERVICES, ENTRIES)
WRITTEN = (VIRTUAL_SERVICES, ENVOY_FILTERS)

OURS = ("metaprotocol.io/converted-from", "MetaRouter")
"""The label of what is written here. Nothing without it is changed or deleted."""
ROUTER = "metaprotocol.io/metarouter"
"""The annotation that names the MetaRouter of an object."""
DIGEST = "metaprotocol.io/digest"
"""The annotation by which an object that is as it should be is known without a request."""

Cluster: TypeAlias = "Mapping[Resource, Mapping[Key, Json]]"


@frozen
class Condition:
    """A condition of a MetaRouter.

    Args:
        type: "Converted".
        status: "True", "False" or "Unknown".
        reason: One word.
        message: For a person.
    """

    type: str
    status: str
    reason: str
    message: str


@frozen
class Wanted:
    """An object that the cluster should have.

    Args:
        resource: Its kind.
        content: It, without what the server adds.
    """

    resource: Resource
    content: Json

    def is_met(self, found: Json) -> bool:
        """Return True if an object of the server has all that this one has, and nothing of an earlier one."""
        return _within(self.content, found)


@frozen
class Plan:
    """A MetaRouter and what should be there for it.

    Args:
        router: It.
        conditions: Of the conversion.
        wanted: The objects.
        keeps: True if what was written for it before stays, since it could not be read now.
    """

    router: Json
    conditions: tuple[Condition, ...]
    wanted: tuple[Wanted, ...] = ()
    keeps: bool = field(default=False)


class Planner:
    """Plans; objects that did not change are not read again.

    Args:
        revisions: Of the module: limits reach proxies that have one of them.
    """

    def __init__(self, revisions: Sequence[str]) -> None:
        self._revisions = revisions
        self._converted: dict[Key, tuple[tuple[str, ...], Plan]] = {}
        self._read: dict[tuple[str, Key], tuple[str, Object[Item] | None, list[Problem]]] = {}

    def plans(self, cluster: Cluster) -> list[Plan]:
        """Return a plan for each MetaRouter. Of two that want the same object the older one has it.

        Args:
            cluster: The objects of each kind in READ.
        """
        protocols = {
            str(spec.get("protocol", "")): codec_name(str(spec.get("codec", "")))
            for spec in (mapping(one.get("spec")) for one in cluster[PROTOCOLS].values())
        }
        self._forget(cluster)
        taken: dict[tuple[Resource, Key], Json] = {}
        found = []
        for router in sorted(cluster[METAROUTERS].values(), key=_age):
            plan = self._plan(router, cluster, protocols)
            for one in plan.wanted:
                key = one.resource, key_of(one.content)
                first = taken.setdefault(key, router)
                if first is not router:
                    text = f"{title(one.content)} is that of {title(first)}; choose another name"
                    conditions = (Condition("Converted", "False", "NameTaken", text), *plan.conditions[1:])
                    plan = evolve(plan, wanted=tuple(x for x in plan.wanted if x is not one), conditions=conditions)
            found.append(plan)
        return found

    def _plan(self, content: Json, cluster: Cluster, protocols: Mapping[str, str]) -> Plan:
        router, problems = self._object(METAROUTERS, content)
        if router is None or not isinstance(router.spec, MetaRouter):
            text = "; ".join(map(_text, problems))
            return Plan(content, (Condition("Converted", "False", "Invalid", text),), keeps=True)
        host = full_name(router.spec.hosts[0], router.metadata.namespace)
        named = Condition("PortNamed", *port_named(host, cluster[SERVICES], cluster[ENTRIES], protocols))
        service = cluster[SERVICES].get(service_key(host) or ("", ""))
        stamp = tuple(one["metadata"]["resourceVersion"] for one in (content, service) if one is not None)
        known = self._converted.get(key_of(content))
        if known is None or known[0] != stamp:
            known = self._converted[key_of(content)] = stamp, self._convert(router, content, service)
        return evolve(known[1], conditions=(*known[1].conditions, named))

    def _convert(self, router: Object[Any], content: Json, owner: Json | None) -> Plan:
        """Return the plan of a MetaRouter that can be read, without what its ports say."""
        service, unreadable = self._object(SERVICES, owner) if owner is not None else (None, [])
        if router.spec.local_rate_limit is None and router.spec.global_rate_limit is None:
            service = None
        elif owner is not None and unreadable:
            text = f"{title(owner)}: {'; '.join(map(_text, unreadable))}"
            return Plan(content, (Condition("Converted", "False", "InvalidService", text),), keeps=True)
        foreign = service is not None and service.metadata.namespace != router.metadata.namespace
        readable = service if service is not None and isinstance(service.spec, Service) and not foreign else None
        converted = convert_router(router, readable, self._revisions)  # type: ignore[arg-type]
        wanted = tuple(Wanted(_resource(one), _marked(one, content)) for one in converted.objects)
        if converted.notes:
            text = "; ".join(f"{one.text}; {one.hint}" for one in converted.notes)
            if owner is not None and foreign:
                # Who may write MetaRouters in one namespace need not have a say in the proxies of another.
                text = f"the limits of a MetaRouter hold for Services of its namespace, and not for {title(owner)}"
            condition = Condition("Converted", "False", "PartlyConverted" if wanted else "NotConverted", text)
        elif not wanted:
            condition = Condition("Converted", "True", "Empty", "it has neither routes nor limits")
        else:
            text = ", ".join(title(one.content) for one in wanted)
            condition = Condition("Converted", "True", "Converted", f"converted to {text}")
        return Plan(content, (condition,), wanted)

    def _object(self, resource: Resource, content: Json) -> tuple[Object[Item] | None, list[Problem]]:
        """Return an object as a class of the model, and what is wrong with it."""
        place, metadata = (resource.kind, key_of(content)), content["metadata"]
        known = self._read.get(place)
        if known is None or known[0] != metadata["resourceVersion"]:
            named = {name: metadata[name] for name in ("name", "namespace") if name in metadata}
            bare = {**content, "metadata": named}
            found, problems = read_json(title(content), bare)
            known = self._read[place] = (metadata["resourceVersion"], found, problems)
        return known[1], known[2]

    def _forget(self, cluster: Cluster) -> None:
        kinds = {one.kind: one for one in READ}
        for kind, key in [*self._read]:
            if key not in cluster[kinds[kind]]:
                del self._read[kind, key]
        for key in self._converted.keys() - cluster[METAROUTERS].keys():
            del self._converted[key]


def is_ours(content: Json) -> bool:
    """Return True if an object is one that is written here."""
    return mapping(content["metadata"].get("labels")).get(OURS[0]) == OURS[1]


def router_of(content: Json) -> str:
    """Return the namespace and the name of the MetaRouter that an object was written for."""
    return str(mapping(content["metadata"].get("annotations")).get(ROUTER, ""))


def _text(problem: Problem) -> str:
    """Return a problem of an object that is named already."""
    text = f"{problem.place.path}: {problem.text}" if problem.place.path else problem.text
    return f"{text}; {problem.hint}" if problem.hint else text


def _age(content: Json) -> tuple[str, Key]:
    return content["metadata"].get("creationTimestamp", ""), key_of(content)


def _resource(content: Json) -> Resource:
    return VIRTUAL_SERVICES if content["kind"] == VIRTUAL_SERVICES.kind else ENVOY_FILTERS


def _marked(content: Json, router: Json) -> Json:
    """Return an object with the marks of ours.

    Of the MetaRouter's labels and annotations only those go over that Istio and we read: by others Helm and Argo CD
    would take the object for theirs, and delete it.
    """
    metadata: Json = {one: content["metadata"][one] for one in ("name", "namespace")}
    given = router["metadata"]
    kept = {
        name: {key: one for key, one in mapping(given.get(name)).items() if _is_read(key)}
        for name in ("labels", "annotations")
    }
    rendered = content["metadata"].get("labels") or {} if content["kind"] == ENVOY_FILTERS.kind else {}
    metadata["labels"] = {**kept["labels"], **rendered, **RENDERED, OURS[0]: OURS[1]}
    metadata["annotations"] = {**kept["annotations"], ROUTER: "/".join(key_of(router))}
    text = json.dumps([metadata, content["spec"]], sort_keys=True).encode()
    metadata["annotations"][DIGEST] = hashlib.sha256(text).hexdigest()[:16]
    return {**content, "metadata": metadata}


def _is_read(key: str) -> bool:
    prefix = key.rpartition("/")[0]
    return prefix in ("metaprotocol.io", "istio.io") or prefix.endswith(".istio.io")


def _within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _within(one, whole[name]) for name, one in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_within, part, whole))
    return bool(part == whole)
