"""The files of the example, with ports that are free."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from metaprotocol_mesh.demo.services import SERVERS
from metaprotocol_mesh.load import load
from metaprotocol_mesh.model import ServiceEntry, Sidecar
from metaprotocol_mesh.places import ConfigurationError, Place, Problem
from metaprotocol_mesh.render import render
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_mesh.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"(?<![\w.])[0-9]{4,5}(?![\w.])")


def example_files() -> Path:
    """Return the folder of the example's files: in the wheel beside this module, in a checkout at its root."""
    package = Path(str(resources.files("metaprotocol_mesh.demo")))
    installed = package / "bookinfo"
    return installed if installed.is_dir() else package.parents[2] / "examples" / "bookinfo"


def ports_in(files: Path) -> tuple[int, dict[tuple[str, str], int]]:
    """Return the port of the listener, and those of our services by name and version.

    Args:
        files: A folder.

    Raises:
        ConfigurationError: The files cannot be used, or have no such ports.
    """
    configuration = load([files])
    render(resolve(configuration), Engine.absent())  # what is wrong has its place in these files, not in the copies
    found = {}
    for entry in configuration.of(ServiceEntry):
        for endpoint in entry.spec.endpoints:
            key = endpoint.labels.get("app", ""), endpoint.labels.get("version", "")
            if key in SERVERS and endpoint.ports:
                found[key] = next(iter(endpoint.ports.values()))
    listeners = [
        one.port.number for sidecar in configuration.of(Sidecar) for one in sidecar.spec.egress if one.port is not None
    ]
    needed = [
        f"an endpoint with a port and the labels app={key[0]}, version={key[1]}" for key in SERVERS if key not in found
    ]
    if len(listeners) != 1:
        needed.append("a Sidecar with one egress listener")
    if needed:
        raise ConfigurationError([Problem(Place(str(files), 1, 1), f"the demo needs {one}") for one in needed])
    return listeners[0], found


def copy_files(files: Path, folder: Path, ports: Mapping[int, int]) -> None:
    """Copy files.

    Args:
        files: The folder of them.
        folder: Where to.
        ports: What replaces the ports in them.
    """

    def other(match: re.Match[str]) -> str:
        return str(ports.get(int(match[0]), match[0]))

    for path in sorted(files.rglob("*.y*ml")):
        copy = folder / path.relative_to(files)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_NUMBER.sub(other, path.read_text("utf-8")), "utf-8")
