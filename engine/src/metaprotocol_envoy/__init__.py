"""Run a codec inside unmodified Envoy: the dynamic module, and the Python half that it calls."""

from __future__ import annotations

import site
import sys
from pathlib import Path

from metaprotocol_envoy.libpython import LibpythonNotFound, find_libpython
from metaprotocol_envoy.settings import Settings, SettingsError

__all__ = [
    "LibpythonNotFound",
    "ModuleNotBuilt",
    "Settings",
    "SettingsError",
    "filter_config",
    "find_libpython",
    "module_path",
]

_LIBRARY = "libmetaprotocol_envoy.so"


class ModuleNotBuilt(Exception):
    """The C half is not there; the text names the command that builds it."""


def module_path() -> Path:
    """Return the dynamic module, to be named in Envoy's `dynamic_module_config`.

    Raises:
        ModuleNotBuilt: It was not built.
    """
    path = Path(__file__).with_name(_LIBRARY)
    if not path.is_file():
        raise ModuleNotBuilt(
            f"{path} is not there: in a clone, run `make engine`; elsewhere, install metaprotocol-envoy"
        )
    return path


def filter_config(**settings: object) -> str:
    """Return the `filter_config` of a codec filter that runs in this Python, with this environment's packages.

    Args:
        settings: The fields of `Settings`; a tuple is written with spaces between.

    Raises:
        SettingsError: A setting cannot be used.
        LibpythonNotFound: This Python has no shared library.
    """
    folders = [folder for folder in sys.path if folder and Path(folder).is_dir()]
    folders += [folder for folder in site.getsitepackages() if folder not in folders]
    lines = [f"libpython = {find_libpython()}", f"home = {sys.base_prefix}", f"path = {':'.join(folders)}"]
    for key, value in settings.items():
        lines.append(f"{key} = {' '.join(map(str, value)) if isinstance(value, (tuple, list)) else value}")
    text = "\n".join(lines)
    Settings.parse(text)
    return text
