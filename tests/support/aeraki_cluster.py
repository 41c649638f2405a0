"""A cluster with MetaRouters, and what keeps it in step, without a network."""

import asyncio
from typing import Any

from kubernetes_api import ApiServer, Json, Kind
from kubernetes_api.local import LocalApi

from metaprotocol_mesh.istio.controller import MANAGER, Controller
from metaprotocol_mesh.istio.metarouters import READ, WRITTEN, Planner
from metaprotocol_mesh.kubernetes import Reflector

KINDS = (
    Kind("metaprotocol.aeraki.io", "metarouters", "MetaRouter", status=True),
    Kind("metaprotocol.aeraki.io", "applicationprotocols", "ApplicationProtocol", status=True),
    Kind("", "services", "Service", status=True),
    Kind("networking.istio.io", "serviceentries", "ServiceEntry", status=True),
    Kind("networking.istio.io", "virtualservices", "VirtualService", status=True),
    Kind("networking.istio.io", "envoyfilters", "EnvoyFilter", status=True),
    Kind("coordination.k8s.io", "leases", "Lease"),
    Kind("events.k8s.io", "events", "Event"),
)


def router(name: str = "reviews", subset: str = "v1", namespace: str = "default", **spec: Any) -> Json:
    """Return a MetaRouter that sends everything to a subset of the service of its name; None leaves a key out."""
    host = f"{name}.{namespace}.svc.cluster.local"
    routes = [{"route": [{"destination": {"host": host, "subset": subset}}]}]
    return {
        "apiVersion": "metaprotocol.aeraki.io/v1alpha1",
        "kind": "MetaRouter",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {key: one for key, one in {"hosts": [host], "routes": routes, **spec}.items() if one is not None},
    }


def service(name: str = "reviews", *ports: str, namespace: str = "default") -> Json:
    """Return a Service with ports of these names."""
    found = [{"name": one, "port": 9080 + number, "protocol": "TCP"} for number, one in enumerate(ports)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": found},
    }


LIMIT = {"tokenBucket": {"maxTokens": 5, "fillInterval": "60s"}}


class AerakiCluster:
    """The cluster. `sync` does what `convert --watch --once` does.

    Args:
        revisions: Of the module.
        force: Of `--force-conflicts`.
    """

    def __init__(self, *revisions: str, force: bool = False) -> None:
        self.server = ApiServer(KINDS)
        api: Any = LocalApi(self.server, MANAGER)
        self.api: LocalApi = api
        self.reports: list[str] = []
        self._stores = {one: Reflector(api, one, "", lambda: None, lambda *_: None) for one in READ + WRITTEN}
        self.controller = Controller(
            api,
            Planner(revisions or ("1",)),
            self._stores,
            lambda text, _: self.reports.append(text),
            "me",
            force=force,
        )

    def put(self, content: Json, manager: str = "kubectl-edit") -> Json:
        """Create or replace an object."""
        plural = next(one.plural for one in KINDS if one.name == content["kind"])
        return self.server.put(content, plural, manager)

    def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Delete an object."""
        self.server.storage.delete(self._kind(kind), namespace, name)

    def sync(self, *, everything: bool = False) -> tuple[bool, bool]:
        """Read the cluster, and bring it in step."""

        async def run() -> tuple[bool, bool]:
            for one in self._stores.values():
                await one.relist()
            return await self.controller.sync(everything=everything)

        return asyncio.run(run())

    def all(self, kind: str) -> list[Json]:
        """Return all objects of a kind."""
        return self.server.storage.list(self._kind(kind))[1]

    def one(self, kind: str, name: str = "reviews", namespace: str = "default") -> Json:
        """Return an object."""
        return self.server.storage.get(self._kind(kind), namespace, name)

    def has(self, kind: str, name: str = "reviews", namespace: str = "default") -> bool:
        """Return True if an object is there."""
        return self.server.storage.has(self._kind(kind), namespace, name)

    def condition(self, condition: str, name: str = "reviews", namespace: str = "default") -> tuple[str, str, str]:
        """Return status, reason and message of a condition of a MetaRouter."""
        for one in self.one("MetaRouter", name, namespace)["status"]["conditions"]:
            if one["type"] == condition:
                return one["status"], one["reason"], one["message"]
        raise AssertionError(condition)

    @staticmethod
    def _kind(name: str) -> Kind:
        return next(one for one in KINDS if one.name == name)
