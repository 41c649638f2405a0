"""Reads the configuration and renders it, in a process of its own: it imports codecs, and a new one does so anew.

A line of JSON comes in for each rendering, and one goes out.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve

from metaprotocol_envoy import LibpythonNotFound, ModuleNotBuilt, Settings
from metaprotocol_envoy.service import Service
from metaprotocol_mesh.check import validate, warnings
from metaprotocol_mesh.load import load
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Place, Problem
from metaprotocol_mesh.render import render
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.resolve import resolve
from metaprotocol_sdk import CodecLoadError, load_codec_class, register_codec

if TYPE_CHECKING:
    from metaprotocol_mesh.resolved import Mesh


class _Worker:
    """Renders.

    Args:
        codecs: Targets and folders of copies, by the codec's name.
        named: The codecs that the command line names, which no distribution announces.
    """

    def __init__(self, codecs: dict[str, tuple[str, str]], named: list[str]) -> None:
        self._codecs = codecs
        self._named = named
        self._engine = evolve(Engine.installed(), code=codecs)
        # What is rendered is what Envoy will load: the copies.
        sys.path[:0] = dict.fromkeys(folder for _, folder in codecs.values())

    def register(self) -> None:
        """Register the codecs that the command line names.

        Raises:
            ConfigurationError: One cannot be loaded, or has another name.
        """
        problems = []
        for name in self._named:
            place = Place(f"--codec {name}")
            try:
                codec = load_codec_class(self._codecs[name][0])
            except CodecLoadError as error:
                problems.append(self._located(str(error), error, place))
                continue
            if codec.name == name:
                register_codec(codec)
            else:
                text = f"the name of the codec {self._codecs[name][0]} is {codec.name!r}"
                problems.append(Problem(place, text, f"say --codec {codec.name}={self._codecs[name][0]}"))
        if problems:
            raise ConfigurationError(problems)

    def render(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Return what a line asks for.

        Raises:
            ConfigurationError: It cannot be rendered.
        """
        stdin = wish["stdin"].encode("utf-8", "surrogateescape") if wish["stdin"] is not None else None
        try:
            mesh = resolve(load(wish["paths"], stdin), wish["namespace"], wish["labels"])
        except ConfigurationError as error:
            raise ConfigurationError(map(self._with_code, error.problems)) from error
        if not mesh.listeners:
            # A file that an editor has emptied before it writes, too: all connections would end.
            text, hint = "nothing would listen", "add a Sidecar with `ingress` or `egress`, or a Gateway"
            raise ConfigurationError([Problem(Place(wish["paths"][0]), text, hint)])
        rendered = render(mesh, self._engine)
        self._start(mesh)
        if wish["validate"]:
            validate(mesh, self._engine, Path(wish["validate"]))
        listeners = [
            {
                **{name: getattr(one, name) for name in ("name", "address", "port", "codec", "direction")},
                "place": asdict(evolve(one.place, keys={})),
            }
            for one in mesh.listeners
        ]
        files = rendered.files(Path(wish["folder"]), tuple(wish["metrics"]) if wish["metrics"] else None)
        return {"files": files, "listeners": listeners, "problems": [asdict(one) for one in warnings(mesh)]}

    def _start(self, mesh: Mesh) -> None:
        """Start each codec as Envoy will: what fails there has a better place here."""
        for name, place in {one.codec: one.place for one in mesh.listeners}.items():
            try:
                Service(Settings(codec=self._codecs[name][0] if name in self._codecs else name))
            except Exception as error:  # whatever a codec raises
                raise ConfigurationError([self._located(str(error), error, place)]) from error

    def _with_code(self, problem: Problem) -> Problem:
        """Return a problem with the line of the codec's code that cannot be imported, if it is one of that."""
        for name in self._codecs:
            if name in problem.text:
                try:
                    load_codec_class(name)
                except CodecLoadError as error:
                    if str(error) == problem.text:
                        return self._located(problem.text, error, problem.place)
                except Exception:  # noqa: BLE001, S112 - two of a name, or another fault, which the problem tells of
                    continue
        return problem

    def _located(self, text: str, error: BaseException, place: Place) -> Problem:
        """Return a problem at the line of a codec's code that has caused an error; at a place if there is none."""
        cause = error.__cause__ or error
        if isinstance(cause, SyntaxError) and cause.filename:
            frames = [(cause.filename, cause.lineno or 1)]
        else:
            frames = [(one.filename, one.lineno or 1) for one in traceback.extract_tb(cause.__traceback__)]
        folders = tuple(f"{folder}{os.sep}" for _, folder in self._codecs.values())
        for path, line in reversed(frames):
            if path.startswith(folders):
                return Problem(Place(path, line, 1), text)
        return Problem(place, text)


def main() -> None:
    """Answer the lines of standard input until it ends."""
    setup = json.loads(sys.argv[1])
    # What a codec prints when it is imported is not for who reads the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    codecs = {name: (target, folder) for name, (target, folder) in setup["codecs"].items()}
    worker: _Worker | None = None
    for line in sys.stdin:
        try:
            if worker is None:
                made = _Worker(codecs, setup["named"])
                made.register()
                worker = made
            answer = {"ok": True, **worker.render(json.loads(line))}
        except ConfigurationError as error:
            answer = {"ok": False, "problems": [asdict(one) for one in error.problems]}
        except (LibpythonNotFound, ModuleNotBuilt) as error:
            answer = {"ok": False, "problems": [asdict(Problem(NOWHERE, str(error)))]}
        try:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
        except BrokenPipeError:  # who asked was killed
            os._exit(1)
