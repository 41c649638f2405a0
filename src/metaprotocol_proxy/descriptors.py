"""File descriptors: a process has a limited number of them, a connection takes two, and recordings write many files."""

from __future__ import annotations

import errno
import sys
from collections import OrderedDict
from io import FileIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
"""The error numbers of a process, and of a system, that has no descriptor left."""

MAX_OPEN_FILES = 64
"""Files of a recording that are open at once."""

_MACOS_LIMIT = 10_240
"""The largest soft limit that macOS accepts when its hard limit is "unlimited" (OPEN_MAX of its sys/syslimits.h)."""


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open descriptors of this process as far as the system allows."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in (hard, resource.RLIM_INFINITY):
        return
    for limit in (hard, max(soft, _MACOS_LIMIT)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (OSError, ValueError):
            continue
        return


class FilePool:
    """Writes any number of files with a bounded number of descriptors.

    A file is opened when it is written. When too many are open, the one that was written least recently is closed.
    Nothing is buffered: written bytes survive the death of the process. While at least one file is open, a write never
    fails for lack of a descriptor.

    Args:
        max_open: Files that are open at once.
    """

    def __init__(self, max_open: int = MAX_OPEN_FILES) -> None:
        self._max_open = max_open
        self._open: OrderedDict[Path, FileIO] = OrderedDict()

    def create(self, path: Path) -> None:
        """Create an empty file.

        Raises:
            OSError: The file exists already, or cannot be created.
        """
        self._open[path] = self._open_file(path, "xb")

    def write(self, path: Path, offset: int, data: bytes) -> None:
        """Write all of the data to a file that `create` made.

        Args:
            path: The file.
            offset: Bytes from the beginning of the file.
            data: The bytes to write.

        Raises:
            OSError: The file cannot be written, for example because the disk is full.
        """
        file = self._open.pop(path, None) or self._open_file(path, "r+b")
        self._open[path] = file
        file.seek(offset)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

    def close(self, path: Path) -> None:
        """Close a file, if it is open.

        Raises:
            OSError: The system reports a late write error.
        """
        if (file := self._open.pop(path, None)) is not None:
            file.close()

    def close_all(self) -> None:
        """Close all files.

        Raises:
            OSError: The system reports a late write error.
        """
        while self._open:
            self._close_oldest()

    def _open_file(self, path: Path, mode: str) -> FileIO:
        if len(self._open) >= self._max_open:
            self._close_oldest()
        while True:
            try:
                return FileIO(path, mode)
            except OSError as error:
                if error.errno not in OUT_OF_DESCRIPTORS or not self._open:
                    raise
            self._close_oldest()

    def _close_oldest(self) -> None:
        self._open.popitem(last=False)[1].close()
