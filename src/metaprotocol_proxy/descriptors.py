"""File descriptors: each connection takes two, and a process may have only so many."""

from __future__ import annotations

import errno
import sys

NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE})
"""The errors of a process, or of a system, that has no descriptor left."""

_LIMIT_OF_MACOS = 10_240
"""What macOS takes at most where it says that there is no limit."""


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as the system allows it."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in (hard, resource.RLIM_INFINITY):
        return
    for limit in (hard, max(soft, _LIMIT_OF_MACOS)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            continue
        return
