"""Run a codec inside unmodified Envoy: the dynamic module, and the Python half that it calls."""

from __future__ import annotations

import site
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from metaprotocol_envoy.filters import Context, Filter
from metaprotocol_envoy.libpython import LibpythonNotFound, find_libpython
from metaprotocol_envoy.settings import Settings, SettingsError
from metaprotocol_sdk import load_codec_class

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Context",
    "Filter",
    "LibpythonNotFound",
    "ModuleNotBuilt",
    "Settings",
    "SettingsError",
    "filter_config",
    "find_libpython",
    "interpreter_config",
    "module_path",
    "python_filter_config",
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

    The listener filter takes the same.

    Args:
        settings: The fields of `Settings`; a tuple is written with spaces between.

    Raises:
        SettingsError: A setting cannot be used.
        RegistryError: There is no such codec, or it cannot be imported.
        LibpythonNotFound: This Python has no shared library.
    """
    text = _text(settings)
    load_codec_class(Settings.parse(text).codec)
    return text


def python_filter_config(name: str, config: str = "") -> str:
    """Return the `filter_config` of an HTTP filter `python` that runs in this Python.

    Args:
        name: The `Filter`: a name among the entry points `metaprotocol.filters`, or "module:Class".
        config: What it is made with; one line.

    Raises:
        LibpythonNotFound: This Python has no shared library.
    """
    return _text({"filter": name, "config": config})


def interpreter_config() -> str:
    """Return the lines of a `filter_config` that name this Python and this environment's packages.

    Raises:
        LibpythonNotFound: This Python has no shared library.
    """
    here = str(Path.cwd())  # which Envoy's interpreter need not share
    folders = list(dict.fromkeys(folder or here for folder in sys.path if Path(folder or here).is_dir()))
    folders += [folder for folder in site.getsitepackages() if folder not in folders]
    return f"libpython = {find_libpython()}\nhome = {sys.base_prefix}\npath = {':'.join(folders)}"


def _text(settings: Mapping[str, object]) -> str:
    lines = [interpreter_config()]
    for key, value in settings.items():
        lines.append(f"{key} = {' '.join(map(str, value)) if isinstance(value, (tuple, list)) else value}")
    return "\n".join(lines)
