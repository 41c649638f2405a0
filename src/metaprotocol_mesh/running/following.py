"""The configuration that is in force: rendered from files and codecs, and changed when these are."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import asdict

from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Place, Problem
from metaprotocol_mesh.running import code, files
from metaprotocol_mesh.running.apply import Applier, Refused, changed_names, describe
from metaprotocol_mesh.running.ports import taken
from metaprotocol_mesh.running.renderer import Answer, Renderer, Wish
from metaprotocol_mesh.running.trust import rights

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from metaprotocol_mesh.render.pieces import Json
    from metaprotocol_mesh.running.code import Copy

_COPIES_KEPT = 8


class Following:
    """Envoy's configuration, and the files and codecs that it was made of.

    Args:
        wish: What to render.
        named: Codecs that no distribution announces: classes by name.
        program: The Envoy that reads the result before one that runs gets it.
        stopping: Is set when the mesh ends.
    """

    def __init__(self, wish: Wish, named: Mapping[str, str], program: Path, stopping: threading.Event) -> None:
        self._wish, self._named, self._program, self._stopping = wish, named, program, stopping
        self._codes, problems = code.find_codes(named)
        self._code_seen = self._code_signature()
        self._signature: object = self._signed()
        self._copies: dict[str, Copy] = {}
        self._wrong_code: set[Path] = set()
        self._check(problems)
        self._copies = self._copies_seen = self._copied()
        self._renderer = Renderer(self._copies, named)
        try:
            self.answer = self._renderer.render(wish)
            self._check(taken([*self.answer.listeners, *self._metrics()]))
        except BaseException:
            self._renderer.close()
            raise
        write_files(wish.folder, self.answer.files)

    def _metrics(self) -> list[Json]:
        """Return the listener of metrics, as an Answer has others."""
        if self._wish.metrics is None:
            return []
        address, port = self._wish.metrics
        return [{"address": address, "port": port, "place": asdict(Place("--metrics"))}]

    def validate(self) -> None:
        """Let Envoy read the configuration.

        Raises:
            ConfigurationError: It refuses it.
        """
        self._renderer.render(self._wish, self._program)

    def changed(self) -> bool:
        """Return True if a file or a codec is another than when this was called before."""
        before, self._signature = self._signature, self._signed()
        return before != self._signature

    def folders(self) -> set[Path]:
        """Return the folders in which something changes when a file or a codec does."""
        return files.folders(self._wish.paths) | code.folders(self._codes)

    def codecs(self) -> dict[str, dict[str, Any]]:
        """Return the version, the release and the class of each codec, by its name."""
        return {
            name: {"version": copy.version, "release": copy.code.release, "target": copy.code.target}
            for name, copy in self._copies.items()
        }

    def follow(self, applier: Applier) -> tuple[list[str], tuple[Problem, ...]]:
        """Bring what has changed to Envoy. Return what it was, and warnings.

        Args:
            applier: Reaches Envoy.

        Raises:
            ConfigurationError: It is wrong, and nothing has changed.
            EnvoyDied: Envoy has ended.
            Abandoned: The mesh ends.
        """
        problems: list[Problem] = []
        signature = self._code_signature()
        code_changed = signature != self._code_seen
        if code_changed:
            self._codes, problems = code.find_codes(self._named)
        self._check(problems)
        copies = self._copied() if code_changed else self._copies_seen
        self._code_seen, self._copies_seen = signature, copies
        folders = {copy.folder for copy in copies.values()}
        if copies == self._copies or folders & self._wrong_code:
            return self._change(applier, self._renderer, self._copies)
        fresh = Renderer(copies, self._named)
        try:
            done = self._change(applier, fresh, copies)
        except BaseException as error:
            fresh.close()
            if isinstance(error, ConfigurationError):
                with suppress(ConfigurationError):
                    self._renderer.render(self._wish, stopping=self._stopping)
                    # The files are right with the code before. It stays, and they are followed at the next look.
                    self._wrong_code = folders - {copy.folder for copy in self._copies.values()}
                    self._signature = None
            raise
        self._renderer.close()
        self._renderer, self._copies, self._wrong_code = fresh, copies, set()
        return done

    def refusal(self, reason: str, answer: Answer | None = None) -> Problem:
        """Return the problem of files that Envoy does not take: at the listener that it names in its reason.

        Args:
            reason: What Envoy says.
            answer: What it does not take; what is in force by default.
        """
        place = NOWHERE
        for one in (answer or self.answer).listeners:
            if f"'{one['name']}'" in reason or f"{one['name']}:" in reason:
                place = Place(**one["place"])
        return Problem(place, f"Envoy refuses it: {reason}")

    def close(self) -> None:
        """End the process that renders."""
        self._renderer.close()

    def _change(
        self, applier: Applier, renderer: Renderer, copies: Mapping[str, Copy]
    ) -> tuple[list[str], tuple[Problem, ...]]:
        answer = renderer.render(self._wish, stopping=self._stopping)
        old, new = self.answer.files, answer.files
        names = changed_names(old, new)
        if not names:
            self.answer = answer  # places may be others
            return [], ()
        if "bootstrap.json" in names:
            text = "the proxy's name or place has changed, which Envoy reads when it starts"
            raise ConfigurationError([Problem(NOWHERE, text, "start the mesh again")])
        if problems := taken(answer.listeners, self.answer.listeners):
            raise ConfigurationError(problems)
        if len(names) > 1 or not names[0].startswith(("routes.", "endpoints.")):
            # One file of these is taken or refused as a whole. Of several, Envoy would take some.
            renderer.render(self._wish, self._program, self._stopping)
        try:
            applier.apply(old, new)
        except Refused as error:
            raise ConfigurationError([self.refusal(str(error), answer)]) from error
        self.answer = answer
        used = {str(one["codec"]) for one in answer.listeners}
        codecs = [
            f"codec {name} {copy.version}"
            for name, copy in copies.items()
            if name in used and copy != self._copies.get(name)
        ]
        return [*codecs, *describe(old, new)], answer.warnings

    def _check(self, problems: Iterable[Problem]) -> None:
        problems = [
            *problems,
            *files.distrusted(self._wish.paths),
            *code.distrusted(self._codes, self._named),
        ]
        if problems:
            raise ConfigurationError(problems)

    def _copied(self) -> dict[str, Copy]:
        folder = self._wish.folder / "code"
        try:
            copies = code.copy(self._codes, folder)
        except shutil.Error as error:  # of each file, in a list
            (_, path, reason), *_ = error.args[0]
            text = f"the code of a codec cannot be copied: {reason}"
            raise ConfigurationError([Problem(Place(path), text)]) from error
        except OSError as error:
            text = f"the code of a codec cannot be copied: {error.strerror or error}"
            raise ConfigurationError([Problem(Place(str(error.filename or folder)), text)]) from error
        kept = {copy.folder for copy in (*copies.values(), *self._copies.values())}
        code.remove_old([one for one in folder.iterdir() if one not in kept], _COPIES_KEPT)
        return copies

    def _signed(self) -> object:
        inside = (path for one in self._codes for path in code.guarded(one))
        guarded = rights((*files.guarded(self._wish.paths), *inside))
        return (files.signature(self._wish.paths), self._code_signature(), guarded)

    def _code_signature(self) -> object:
        return code.signature(self._codes)
