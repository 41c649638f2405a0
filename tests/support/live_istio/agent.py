"""A proxy as in a pod: pilot-agent, which gives its Envoy the certificates and the way to istiod."""

import json
import os
import socket
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from live_envoy import Release
from mesh_running import free_port
from patience import PATIENCE

from live_istio.certificates import Authority
from live_istio.process import Process
from live_istio.programs import AGENT, BOOTSTRAP, program
from metaprotocol_mesh.istio.patches import METADATA


class Sidecar:
    """A pilot-agent and its Envoy. Its `with` block begins when the Envoy is ready.

    Args:
        app: The label `app` of the pod, and its service account.
        ip: The pod's. istiod finds labels by it, so no other pod may have it.
        discovery: The port of istiod.
        release: Of Envoy.
        folder: In which it runs.
        authority: Gives it its certificate.
        revision: Of the module that the proxy has; "" if it has none.
        mode: "NONE", or "REDIRECT" if iptables would bring the connections.
        labels: More labels of the pod.
        host: The address of istiod.
        user: As which both programs run, if it is not this one; they may still read all that this one may.
    """

    def __init__(
        self,
        app: str,
        ip: str,
        discovery: int,
        release: Release,
        folder: Path,
        authority: Authority,
        *,
        revision: str = "1",
        mode: str = "NONE",
        role: str = "sidecar",
        labels: Mapping[str, str] = {},
        host: str = "127.0.0.1",
        user: int | None = None,
    ) -> None:
        self._program, self._folder, self._role, self._user = program(AGENT), folder, role, user
        folder.mkdir()
        authority.issue(app, folder)
        template = program(BOOTSTRAP).read_text().replace("{{ .wildcard }}", "127.0.0.1")
        template = template.replace("/var/lib/istio/data/envoy.prof", str(folder / "envoy.prof"))
        (folder / "bootstrap.json").write_text(template)
        self._admin = free_port()
        # pilot-agent's own server would listen on all addresses; it goes on without it if the port is taken.
        self._taken = socket.create_server(("127.0.0.1", 0))
        settings = {
            "discoveryAddress": f"{host}:{discovery}",
            "controlPlaneAuthPolicy": "NONE",
            "binaryPath": str(release.binary()),
            "configPath": str(folder / "proxy"),
            "proxyAdminPort": self._admin,
            "statusPort": self._taken.getsockname()[1],
            "concurrency": 1,
        }
        (folder / "mesh.yaml").write_text(json.dumps({"trustDomain": "cluster.local"}))
        self._environment = {
            **os.environ,
            "INSTANCE_IP": ip,
            "POD_NAME": f"{app}-1",
            "POD_NAMESPACE": "default",
            "SERVICE_ACCOUNT": app,
            "TRUST_DOMAIN": "cluster.local",
            "CA_ADDR": f"{host}:{discovery}",
            "PILOT_CERT_PROVIDER": "istiod",
            "ENVOY_STATUS_PORT": str(free_port()),
            "ENVOY_PROMETHEUS_PORT": str(free_port()),
            "ISTIO_META_INTERCEPTION_MODE": mode,
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_WORKLOAD_NAME": app,
            "ISTIO_METAJSON_LABELS": json.dumps({"app": app, "version": "v1", **labels}),
            "PROXY_CONFIG": json.dumps(settings),
            **({f"ISTIO_META_{METADATA}": revision} if revision else {}),
        }
        self._process: Process | None = None

    @property
    def log(self) -> str:
        """The output of both programs so far."""
        return self._process.log if self._process else ""

    def admin(self, path: str) -> str:
        """Return an answer of Envoy's admin interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def dump(self, resource: str) -> list[Any]:
        """Return a part of Envoy's configuration: "dynamic_listeners", "dynamic_active_clusters" and the like."""
        found: list[Any] = json.loads(self.admin(f"/config_dump?resource={resource}")).get("configs", [])
        return found

    def __enter__(self) -> Self:
        command = [str(self._program), "proxy", self._role, "--domain", "default.svc.cluster.local"]
        command += ["--templateFile", str(self._folder / "bootstrap.json"), "--profiling=false"]
        command += ["--meshConfig", str(self._folder / "mesh.yaml"), "--proxyLogLevel", "info"]
        self._process = Process([*self._as_user(), *command], self._folder, self._environment)
        try:
            self._process.wait_until(lambda: self.admin("/ready").strip() == "LIVE")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _as_user(self) -> list[str]:
        """Give the files to the user, and return the command before the program."""
        if self._user is None:
            return []
        for one in (self._folder, *self._folder.rglob("*")):
            os.chown(one, self._user, self._user)
        # The programs, the module and Python may be in root's home.
        reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *reads]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        self._taken.close()
        if process is not None:
            process.kill()
