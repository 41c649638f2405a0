"""Writes many files with few descriptors."""

from __future__ import annotations

from collections import OrderedDict
from io import FileIO
from typing import TYPE_CHECKING

from metaprotocol_proxy.descriptors import NONE_LEFT

if TYPE_CHECKING:
    from pathlib import Path

MOST_OPEN = 64
"""Files that are open at once."""


class OpenFiles:
    """Opens files when they are written; the one that was not written for longest gives its descriptor up.

    Nothing is buffered: what was written is there also when the process dies. While one file is open, no write fails
    for want of a descriptor.

    Args:
        most: Files that are open at once.
    """

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._open: OrderedDict[Path, FileIO] = OrderedDict()

    def create(self, path: Path) -> None:
        """Make an empty file.

        Raises:
            OSError: It is there already, or cannot be made.
        """
        self._open[path] = self._take_descriptor(path, "xb")

    def write(self, path: Path, offset: int, data: bytes) -> None:
        """Write bytes to a file that `create` made.

        Args:
            path: The file.
            offset: Where to, from its beginning.
            data: All of this is written.

        Raises:
            OSError: The disk is full, or the like.
        """
        file = self._open.pop(path, None) or self._take_descriptor(path, "r+b")
        self._open[path] = file
        file.seek(offset)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

    def close(self, path: Path) -> None:
        """Give up the descriptor of a file.

        Raises:
            OSError: It cannot be completed.
        """
        if (file := self._open.pop(path, None)) is not None:
            file.close()

    def close_all(self) -> None:
        """Give up all descriptors.

        Raises:
            OSError: A file cannot be completed.
        """
        while self._open:
            self._close_oldest()

    def _take_descriptor(self, path: Path, mode: str) -> FileIO:
        if len(self._open) >= self._most:
            self._close_oldest()
        while True:
            try:
                return FileIO(path, mode)
            except OSError as error:
                if error.errno not in NONE_LEFT or not self._open:
                    raise
            self._close_oldest()

    def _close_oldest(self) -> None:
        self._open.popitem(last=False)[1].close()
