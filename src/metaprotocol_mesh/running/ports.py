"""Ports that others listen on: two Envoys of a user would share one, and each would get some of the calls."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from metaprotocol_mesh.places import Place, Problem

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
            found.append(Problem(Place(**one["place"]), text, "another process, or another mesh, may be there"))
    return found
