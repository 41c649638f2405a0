"""Ports that others listen on: two Envoys of a user would share one, and each would get some of the calls."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from metaprotocol_mesh.places import Place, Problem
from metaprotocol_mesh.running.folders import read_facts, running_folders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_mesh.render.pieces import Json


def taken(listeners: Iterable[Json], besides: Iterable[Json] = ()) -> list[Problem]:
    """Return the problems of listeners whose ports are not free.

    Args:
        listeners: Of a `renderer.Answer`.
        besides: Those that our Envoy has already.
    """
    ours = {(one["address"], one["port"]) for one in besides}
    found = []
    for one in listeners:
        address, port = one["address"], one["port"]
        if (address, port) in ours:
            continue
        try:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections may still end there
                tried.bind((address, port))
                tried.listen(1)
        except OSError as error:
            text = f"nothing can listen at {address}:{port}: {error.strerror or error}"
            hint = _holder(address, port) if error.errno == errno.EADDRINUSE else ""
            found.append(Problem(Place(**one["place"]), text, hint))
    return found


def _holder(address: str, port: int) -> str:
    """Return which mesh of this user listens there, and how it is ended if its `mesh run` was killed."""
    everywhere = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    for folder in running_folders():
        facts = read_facts(folder)
        for one in facts.get("listeners", ()):
            if one["port"] == port and (one["address"] == address or {one["address"], address} & everywhere):
                try:
                    os.kill(facts["pid"], 0)
                except ProcessLookupError:
                    envoy = facts["envoy"]
                    return f"the Envoy of the mesh {folder.name}, whose `mesh run` was killed, is there: `kill {envoy}`"
                except PermissionError:
                    pass
                return f"the mesh {folder.name} is there"
    return "another process is there"
