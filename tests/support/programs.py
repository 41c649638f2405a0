"""Programs that .ci/peers installs into the cache, and how tests run them: Prometheus, Redis, iptables and Envoy's rate
limit service."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mesh_running import free_port
from patience import PATIENCE, eventually
from required import require

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "metaprotocol"
_DEBIAN = _CACHE / "debian" / "usr"
_FOLDERS = (_DEBIAN / "bin", _DEBIAN / "sbin", _CACHE / "ratelimit")


def _program(name: str, word: str) -> Path:
    """Return a program; the running test is skipped if it is not there."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, _FOLDERS)))
    if found is None:
        require(word, f"there is no {name} here: .ci/peers installs it")
    return Path(found)


def _environment(program: Path) -> dict[str, str]:
    """Return the environment of a program of Debian that is not installed: its libraries are beside it."""
    libraries = program.parents[1] / "lib" / f"{os.uname().machine}-linux-gnu"
    return {**os.environ, "LD_LIBRARY_PATH": str(libraries)}


def iptables() -> dict[str, str]:
    """Return the environment of programs that run iptables; the running test is skipped if it is not there."""
    found = _program("iptables-nft", "iptables")
    environment = _environment(found)
    extensions = Path(environment["LD_LIBRARY_PATH"], "xtables")
    path = os.pathsep.join([str(found.parent), os.environ.get("PATH", os.defpath)])
    return {**environment, "PATH": path, **({"XTABLES_LIBDIR": str(extensions)} if extensions.is_dir() else {})}


@contextmanager
def _running(folder: Path, program: Path, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a folder, whose output is its log there; it ends with the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), *map(str, arguments)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder,
            env={**_environment(program), **environment},
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        print((folder / "log").read_text("utf-8", "replace")[-4000:])  # noqa: T201 - shown if the test fails


def fetched(url: str) -> str | None:
    """Return what is at an address; None while nobody listens there."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
    except urllib.error.HTTPError:
        raise
    except OSError:
        return None
    return text


class Prometheus:
    """A Prometheus that runs.

    Args:
        port: Of its API.
    """

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the value of each series that an expression is at the moment, by its labels in order of their names.

        Args:
            expression: In PromQL.
        """
        found = self._asked("query", query=expression)
        assert found["resultType"] == "vector", found
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found["result"]}

    def value(self, expression: str) -> float | None:
        """Return the value of the only series that an expression is; None while there is none."""
        found = list(self.query(expression).values())
        assert len(found) < 2, found
        return found[0] if found else None

    def _asked(self, what: str, **parameters: str) -> Any:
        try:
            answer = fetched(f"{self._address}/{what}?{urllib.parse.urlencode(parameters)}")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        assert answer is not None
        return json.loads(answer)["data"]


@contextmanager
def prometheus(folder: Path, config: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus.

    Args:
        folder: An empty one, for its files.
        config: Its configuration.
    """
    program = _program("prometheus", "prometheus")
    (folder / "prometheus.json").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    options = ["--config.file=prometheus.json", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with _running(folder, program, *options, "--storage.tsdb.path=data"):
        eventually(lambda: _is_ready(f"http://127.0.0.1:{port}/-/ready"))
        yield Prometheus(port)


def _is_ready(url: str) -> bool:
    try:
        return fetched(url) is not None
    except urllib.error.HTTPError:
        return False


class LimitService:
    """Envoy's rate limit service, with Redis.

    Args:
        port: Of its gRPC.
        metrics: The port of its metrics.
        processes: Its own, and that of Redis.
    """

    def __init__(self, port: int, metrics: int, *processes: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.metrics = metrics
        self._own, self._redis = processes

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let Redis answer nothing until the block ends: the service waits for it."""
        self._redis.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._redis.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the service, as a crash does."""
        self._own.kill()
        self._own.wait(PATIENCE)


@contextmanager
def limit_service(folder: Path, config: str) -> Iterator[LimitService]:
    """Run Envoy's rate limit service.

    Args:
        folder: An empty one, for its files and those of Redis.
        config: Its limits, in YAML.
    """
    service = _program("service_cmd", "ratelimit")
    redis = _program("redis-server", "redis")
    for name in ("redis", "service/limits/config"):
        (folder / name).mkdir(parents=True)
    (folder / "service/limits/config/config.yaml").write_text(config)
    socket = folder / "redis" / "socket"
    port, http, debug, metrics = (free_port() for _ in range(4))
    environment = {
        **dict.fromkeys(("HOST", "GRPC_HOST", "DEBUG_HOST"), "127.0.0.1"),
        "PORT": str(http),
        "GRPC_PORT": str(port),
        "DEBUG_PORT": str(debug),
        "RUNTIME_ROOT": str(folder / "service"),
        "RUNTIME_SUBDIRECTORY": "limits",
        "RUNTIME_WATCH_ROOT": "false",
        "REDIS_SOCKET_TYPE": "unix",
        "REDIS_URL": str(socket),
        "LOG_LEVEL": "warn",
        "STATS_FLUSH_INTERVAL": "100ms",
        "USE_STATSD": "false",
        "USE_PROMETHEUS": "true",
        "PROMETHEUS_ADDR": f"127.0.0.1:{metrics}",
    }
    alone = ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"]
    with _running(folder / "redis", redis, *alone) as beside:
        eventually(socket.exists)
        with _running(folder / "service", service, **environment) as process:
            eventually(lambda: _is_ready(f"http://127.0.0.1:{http}/healthcheck"))
            yield LimitService(port, metrics, process, beside)
