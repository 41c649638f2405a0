"""The packages that a Python user could pick instead, as far as they are installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.peers.peer import Peer

_MODULES = ("prototype", "hessian_codec_rust", "python_hessian", "dubbo_ssl_python")


@cache
def available_peers() -> tuple[Peer, ...]:
    """Return the peers that can be imported, the fastest first."""
    found = []
    for name in _MODULES:
        try:
            module = import_module(f"benchmarks.peers.{name}")
        except ImportError:
            continue
        found.append(module.PEER)
    return tuple(found)
