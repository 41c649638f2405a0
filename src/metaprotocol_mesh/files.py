"""Writes the files that Envoy watches."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What others refer to comes first, so that Envoy never meets a name that it does not know yet.
_ORDER = ("endpoints.", "clusters.", "routes.", "listeners.", "bootstrap.")


def write_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write files whose content has changed, each by a rename, which is what Envoy watches; remove old ones.

    Args:
        folder: Where; it is made, for its owner alone, if it is not there.
        files: The content by name.

    Returns:
        The names of those that were written.

    Raises:
        OSError: One cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = [name for name in in_order(files) if write_file(folder / name, files[name])]
    for path in folder.glob("*.json"):
        if path.name.startswith(("endpoints.", "routes.")) and path.name not in files:
            path.unlink(missing_ok=True)
    return changed


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of files in the order in which Envoy must get them.

    Args:
        names: Of files that Envoy watches.
    """
    return sorted(names, key=lambda name: (next(n for n, one in enumerate(_ORDER) if name.startswith(one)), name))


def write_file(path: Path, content: Mapping[str, Any]) -> bool:
    """Write a file by a rename, unless it has the content already; return True if it had not.

    Args:
        path: Of the file.
        content: To be written as JSON.

    Raises:
        OSError: It cannot be written.
    """
    text = json.dumps(content, indent=1) + "\n"
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text("utf-8") == text:
            return False
    _replace(path, text)
    return True


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
