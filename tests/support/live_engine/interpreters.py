"""The CPythons of this machine that the module must run with, each in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from attrs import frozen
from peers.cache import ROOT, NotInstalled, installed, run

MINORS = ("3.11", "3.12", "3.13", "3.14")

# What the SDK needs, and one package that is compiled.
_PACKAGES = ("attrs==25.3.0", "construct==2.10.70", "find-libpython==0.5.1", "msgpack==1.1.2")
_ASK = "import json, sys; print(json.dumps([sys.version.split()[0], sys.base_prefix, sys.implementation.name]))"
_CONFIG = "import sys; from metaprotocol_envoy import filter_config; print(filter_config(codec=sys.argv[1]))"


@frozen
class Interpreter:
    """A CPython.

    Args:
        program: Where it is.
        version: As it says itself: "3.11.7".
    """

    program: Path
    version: str

    def filter_config(self, codec: str) -> str:
        """Return the `filter_config` that runs a codec in this interpreter.

        Raises:
            NotInstalled: The packages cannot be had, or there is no shared library.
        """
        environment = installed(f"python-{self.version}", [str(self.program), *_PACKAGES], self._install)
        paths = [ROOT / "src", ROOT / "engine" / "src", ROOT / "tests" / "support"]
        done = subprocess.run(
            [environment / "bin" / "python", "-c", _CONFIG, codec],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotInstalled(f"CPython {self.version}: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    def _install(self, folder: Path) -> None:
        run([self.program, "-m", "venv", "--without-pip", folder], folder)
        python = folder / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--only-binary", ":all:"]
        run([*pip, *_PACKAGES], folder)


@cache
def interpreters() -> list[Interpreter]:
    """Return those that are on the PATH, beside the one that runs, and of pyenv; one for each version."""
    found: dict[str, Interpreter] = {}
    for program in _programs():
        asked = subprocess.run([program, "-c", _ASK], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            version, _, implementation = json.loads(asked.stdout)
            if implementation == "cpython":
                found.setdefault(version, Interpreter(program, version))
    return list(found.values())


def _programs() -> list[Path]:
    roots = [Path(sys.base_prefix, "bin"), Path("/usr/bin"), Path("/usr/local/bin")]
    roots += sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin"))
    candidates = [Path(root, f"python{minor}") for root in roots for minor in MINORS]
    candidates += [Path(path) for minor in MINORS if (path := shutil.which(f"python{minor}"))]
    return list(dict.fromkeys(path for path in candidates if path.is_file()))
