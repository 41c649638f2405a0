"""Istio's control plane, which reads its configuration from a folder or from its API server."""

import json
import os
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from kubernetes_api import ApiServer, Json
from mesh_running import free_port
from patience import PATIENCE

from live_istio.process import Process
from live_istio.programs import DISCOVERY, program

_MESH = {
    "trustDomain": "cluster.local",
    "rootNamespace": "istio-system",
    "accessLogFile": "",
}
# The Envoy of the package index lacks the filters of Istio's own.
_WITHOUT_FILTERS_OF_ISTIO = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false"}

_KINDS = {
    "networking.istio.io": ("DestinationRule", "EnvoyFilter", "ServiceEntry", "Sidecar", "VirtualService"),
    "security.istio.io": ("AuthorizationPolicy", "PeerAuthentication"),
}


def _plural(kind: str) -> str:
    word = kind.lower()
    return f"{word[:-1]}ies" if word.endswith("y") and word != "gateway" else f"{word}s"


def _definition(group: str, kind: str) -> Json:
    """Return the CustomResourceDefinition by which istiod hears that a kind is there."""
    names = {"kind": kind, "plural": _plural(kind), "singular": kind.lower()}
    versions = [{"name": one, "served": True, "storage": one == "v1"} for one in ("v1", "v1alpha3", "v1beta1")]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_plural(kind)}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": versions},
    }


class ControlPlane:
    """A running pilot-discovery. Its `with` block begins when it is ready.

    Args:
        folder: For its files.
        in_cluster: Keep its configuration in the API server, not in a folder.
        host: The address at which proxies reach it.
        mesh: More of its MeshConfig.
    """

    def __init__(self, folder: Path, *, in_cluster: bool = False, host: str = "127.0.0.1", **mesh: Any) -> None:
        self._program = program(DISCOVERY)
        self.host = host
        self._folder, self._mesh = folder, {**_MESH, **mesh}
        self._configuration = folder / "configuration"
        self._configuration.mkdir(parents=True)
        self._in_cluster = in_cluster
        self._written: dict[str, list[Json]] = {}
        self._cluster = ApiServer(token="", any_kind=True)
        for name in ("default", "istio-system", "kube-system"):
            labels = {"kubernetes.io/metadata.name": name}
            self._put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        for group, kinds in _KINDS.items() if in_cluster else ():
            for kind in kinds:
                self._put(_definition(group, kind))
        self._process: Process | None = None
        self.port = free_port()
        self._http = free_port()

    @property
    def cluster(self) -> ApiServer:
        """The API server."""
        return self._cluster

    @property
    def log(self) -> str:
        """Its output so far."""
        return self._process.log if self._process else ""

    def write(self, name: str, text: str) -> None:
        """Write a file of its configuration; "" takes away what the file had.

        Those that are there when it starts are read; while it starts, it does not hear of others.

        Args:
            name: The file's, without a suffix.
            text: Documents of YAML.
        """
        if self._in_cluster:
            self._apply(name, [one for one in yaml.safe_load_all(text) if one])
            return
        unfinished = self._folder / "unfinished"
        unfinished.write_text(text or "# nothing\n")  # it does not always see that a file is gone
        unfinished.replace(self._configuration / f"{name}.yaml")

    def _apply(self, name: str, objects: list[Json]) -> None:
        """Put the objects of a file into the API server, and delete those that it had before."""
        kept = {(one["kind"], one["metadata"]["name"]) for one in objects}
        for one in self._written.get(name, []):
            metadata = one["metadata"]
            if (one["kind"], metadata["name"]) not in kept:
                kind = self._cluster.kind(one["apiVersion"].rpartition("/")[0], _plural(one["kind"]))
                self._cluster.storage.delete(kind, metadata["namespace"], metadata["name"])
        self._written[name] = objects
        for one in objects:
            self._put(one)

    def _put(self, content: Json) -> None:
        self._cluster.put(content, _plural(content["kind"]))

    def __enter__(self) -> Self:
        self._cluster.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
        self._cluster.__exit__(kind, error, traceback)

    def _start(self) -> None:
        kubeconfig, mesh = self._folder / "kubeconfig", self._folder / "mesh.yaml"
        kubeconfig.write_text(json.dumps(self._cluster.kubeconfig))
        mesh.write_text(json.dumps({**self._mesh, "defaultConfig": {"discoveryAddress": f"{self.host}:{self.port}"}}))
        command = [str(self._program), "discovery", "--registries", "Kubernetes", "--domain", "cluster.local"]
        command += ["--kubeconfig", str(kubeconfig), "--meshConfig", str(mesh)]
        command += [] if self._in_cluster else ["--configDir", str(self._configuration)]
        command += ["--grpcAddr", f"{self.host}:{self.port}", "--httpAddr", f"127.0.0.1:{self._http}"]
        command += ["--httpsAddr", "", "--secureGRPCAddr", "", "--monitoringAddr", f"127.0.0.1:{free_port()}"]
        command += ["--ctrlz_port", "0"]
        names = {"POD_NAMESPACE": "istio-system", "POD_NAME": "istiod", "REVISION": "default"}
        environment = {**os.environ, **names, **_WITHOUT_FILTERS_OF_ISTIO}
        self._process = Process(command, self._folder, environment)
        self._process.wait_until(self._ready)

    def _ready(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
