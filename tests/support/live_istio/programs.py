"""Istio's programs, built once from its Go module, which takes minutes, into a folder that is kept."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_MODULE = "istio.io/istio"
VERSION = "v0.0.0-20260827124520-eed52ebb66ad"
"""Of the Go module: Istio 1.31, the first with dynamic modules in its proxy."""
DISCOVERY = "pilot-discovery"
AGENT = "pilot-agent"
BOOTSTRAP = "envoy_bootstrap.json"
"""The template from which pilot-agent makes the configuration of its Envoy; it is in the module, too."""


class NotBuilt(Exception):
    """A program is not there; the text says what to do."""


def folder() -> Path:
    """Return where the programs of the version are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "metaprotocol"
    return cache / "istio" / VERSION


def program(name: str) -> Path:
    """Return one of the programs, or the template.

    Raises:
        NotBuilt: It is not there.
    """
    path = folder() / name
    if not path.is_file():
        raise NotBuilt(f"Istio's {name} is not built: run `make istio`, which needs Go, 10 minutes and 6 GB of disk")
    return path


def build() -> None:
    """Build those that are not there.

    Raises:
        NotBuilt: Go is missing, or fails.
    """
    kept = folder()
    kept.mkdir(parents=True, exist_ok=True)
    with (kept.parent / f"{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building
        missing = [name for name in (DISCOVERY, AGENT) if not (kept / name).is_file()]
        if not missing and (kept / BOOTSTRAP).is_file():
            return
        if shutil.which("go") is None:
            raise NotBuilt("Istio's programs are built by Go, and there is none here")
        # What was not finished is never found under the final name.
        with tempfile.TemporaryDirectory(prefix="building-", dir=kept) as unfinished:
            module = json.loads(_go(unfinished, "mod", "download", "-json", f"{_MODULE}@{VERSION}"))
            shutil.copy(Path(module["Dir"], "tools", "packaging", "common", BOOTSTRAP), unfinished)
            if missing:
                print(f"building {' and '.join(missing)} of {_MODULE}; it takes about ten minutes", flush=True)  # noqa: T201
                packages = [f"{_MODULE}/pilot/cmd/{name}@{VERSION}" for name in missing]
                _go(unfinished, "install", "-trimpath", "-ldflags", "-s -w", *packages)
            for name in (*missing, BOOTSTRAP):
                (Path(unfinished) / name).replace(kept / name)


def _go(folder: str, *arguments: str) -> bytes:
    environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
    done = subprocess.run(["go", *arguments], check=False, env=environment, cwd=folder, stdout=subprocess.PIPE)
    if done.returncode:
        raise NotBuilt(f"`go {' '.join(arguments)}` ended with the status {done.returncode}")
    return done.stdout
