"""The Thrift libraries of Python and Node."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.cache import run, tool
from peers.thrift.library import IDL, PROGRAMS, Library, generate


class _PythonLibrary(Library):
    requirements: tuple[str, ...]

    @property
    def version(self) -> str:
        return self.requirements[0].partition("==")[2]

    def install(self, folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
        python = folder / "venv" / "bin" / "python"
        run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *self.requirements], folder)
        generate("py", folder)

    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        return [folder / "venv" / "bin" / "python", PROGRAMS / self.key / f"{role}.py"]


class PythonThrift(_PythonLibrary):
    key = "python"
    name = "thrift (Python)"
    requirements = ("thrift==0.25.0",)

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {"PYTHONPATH": str(folder / "gen-py")}


class Thriftpy2(_PythonLibrary):
    key = "thriftpy2"
    name = "thriftpy2"
    requirements = ("thriftpy2==0.7.1", "ijson==3.6.0", "ply==3.11")

    def environment(self, folder: Path) -> Mapping[str, str]:
        return {"PYTHONPATH": "", "PEERS_IDL": str(IDL)}  # it reads the IDL itself


class NodeThrift(Library):
    key = "node"
    name = "thrift (Node)"

    @property
    def version(self) -> str:
        package = json.loads((PROGRAMS / self.key / "package.json").read_text("utf-8"))
        return str(package["dependencies"]["thrift"])

    def install(self, folder: Path) -> None:
        for source in self.sources:  # Node looks for packages beside the program
            shutil.copy(source, folder)
        run([tool("npm"), "ci", "--no-audit", "--no-fund"], folder)
        generate("js:node,es6", folder)

    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        return [tool("node"), folder / f"{role}.js"]
