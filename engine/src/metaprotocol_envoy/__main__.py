"""Tells what is needed to run a codec in Envoy, and where it is: `python -m metaprotocol_envoy`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from metaprotocol_envoy import ModuleNotBuilt, module_path
from metaprotocol_envoy.libpython import LibpythonNotFound, fetch_libpython, find_libpython

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def main() -> int:
    """Print where the parts are; return 1 if one is missing."""
    parser = argparse.ArgumentParser(prog="python -m metaprotocol_envoy", description=__doc__)
    parser.add_argument(
        "--fetch-libpython",
        action="store_true",
        help="where Debian's or Ubuntu's Python has no shared library, fetch it into the cache; needs no root",
    )
    options = parser.parse_args()

    def libpython() -> Path:
        try:
            return find_libpython()
        except LibpythonNotFound:
            if not options.fetch_libpython:
                raise
        return fetch_libpython()

    parts: list[tuple[str, Callable[[], Path]]] = [("module", module_path), ("libpython", libpython)]
    missing = 0
    for name, find in parts:
        try:
            print(f"{name:10} {find()}")
        except (LibpythonNotFound, ModuleNotBuilt) as error:
            print(f"{name:10} {error}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
