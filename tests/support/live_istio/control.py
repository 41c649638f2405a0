"""Istio's control plane, which reads its configuration from a folder."""

import json
import os
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mesh_running import free_port
from patience import PATIENCE

from live_istio.cluster import Cluster
from live_istio.process import Process
from live_istio.programs import DISCOVERY, program

_MESH = {
    "trustDomain": "cluster.local",
    "rootNamespace": "istio-system",
    "accessLogFile": "",
}
# The Envoy of the package index lacks the filters of Istio's own.
_WITHOUT_FILTERS_OF_ISTIO = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false"}


class ControlPlane:
    """A running pilot-discovery. Its `with` block begins when it is ready.

    Args:
        folder: For its files.
        mesh: More of its MeshConfig.
    """

    def __init__(self, folder: Path, **mesh: Any) -> None:
        self._program = program(DISCOVERY)
        self._folder, self._mesh = folder, {**_MESH, **mesh}
        self._configuration = folder / "configuration"
        self._configuration.mkdir(parents=True)
        self._cluster = Cluster()
        self._process: Process | None = None
        self.port = free_port()
        self._http = free_port()

    @property
    def cluster(self) -> Cluster:
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
        unfinished = self._folder / "unfinished"
        unfinished.write_text(text or "# nothing\n")  # it does not always see that a file is gone
        unfinished.replace(self._configuration / f"{name}.yaml")

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
        mesh.write_text(json.dumps({**self._mesh, "defaultConfig": {"discoveryAddress": f"127.0.0.1:{self.port}"}}))
        command = [str(self._program), "discovery", "--registries", "Kubernetes", "--domain", "cluster.local"]
        command += ["--configDir", str(self._configuration), "--kubeconfig", str(kubeconfig), "--meshConfig", str(mesh)]
        command += ["--grpcAddr", f"127.0.0.1:{self.port}", "--httpAddr", f"127.0.0.1:{self._http}"]
        command += ["--httpsAddr", "", "--secureGRPCAddr", "", "--monitoringAddr", f"127.0.0.1:{free_port()}"]
        command += ["--ctrlz_port", "0"]
        names = {"POD_NAMESPACE": "istio-system", "POD_NAME": "istiod", "REVISION": "default"}
        environment = {**os.environ, **names, **_WITHOUT_FILTERS_OF_ISTIO}
        self._process = Process(command, self._folder, environment)
        self._process.wait_until(self._ready)

    def _ready(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
