"""Versions of a codec's code, side by side in one interpreter.

A changed codec is loaded while connections still use the code before. Each version is a folder with a copy of the
code, and its modules have names of their own: what the folder `3f2a` has as `acme` is `acme@3f2a`. Code says
`import acme` all the same, also in a function that runs later: its builtins have an `__import__` that knows the
version.
"""

from __future__ import annotations

import builtins
import sys
import weakref
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaprotocol_envoy.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class Version:
    """The code of one codec as it was at a time; its modules are forgotten when nothing refers to this object.

    Args:
        folder: Has the package or the module of the codec, and nothing else; its name is the version's.
        target: The codec's class, as "package.module:Class".

    Raises:
        SettingsError: The folder does not have the package or the module.
    """

    def __init__(self, folder: str, target: str) -> None:
        module, colon, attribute = target.partition(":")
        self.package, _, rest = module.partition(".")
        self.alias = f"{self.package}@{Path(folder).name}"
        self.place = Path(folder, self.package)
        if not self.place.is_dir():
            self.place = self.place.with_suffix(".py")
        if not colon or not self.place.exists():
            raise SettingsError(f"the folder {folder} does not have the code of {target!r}")
        self.target = f"{self.alias}{'.' if rest else ''}{rest}:{attribute}"
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
        _places[self.alias] = (self.place, self.package)
        _users[self.alias] = _users.get(self.alias, 0) + 1
        weakref.finalize(self, _forget, self.alias)


_places: dict[str, tuple[Path, str]] = {}
_users: dict[str, int] = {}


def _forget(alias: str) -> None:
    _users[alias] -= 1
    if _users[alias]:
        return
    del _users[alias], _places[alias]
    for name in [name for name in sys.modules if name.partition(".")[0] == alias]:
        del sys.modules[name]


class _Finder:
    """Finds the modules of versions, which `sys.path` does not lead to."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of a version; None for all others."""
        alias, dot, _ = fullname.partition(".")
        if alias not in _places:
            return None
        place, package = _places[alias]
        spec = PathFinder.find_spec(fullname, path) if dot else _spec(alias, place)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(fullname, spec.loader.path, package, alias)
        return spec


_FINDER = _Finder()


def _spec(alias: str, place: Path) -> ModuleSpec | None:
    if not place.is_dir():
        return spec_from_file_location(alias, place)
    if (place / "__init__.py").is_file():
        return spec_from_file_location(alias, place / "__init__.py", submodule_search_locations=[str(place)])
    spec = ModuleSpec(alias, None, is_package=True)  # a namespace package
    spec.submodule_search_locations = [str(place)]
    return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, package: str, alias: str) -> None:
        super().__init__(name, path)
        self._package, self._alias = package, alias

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, with an `__import__` that takes the version's own modules."""
        package, alias = self._package, self._alias

        def import_(name: str, *arguments: Any, **more: Any) -> Any:
            # A relative import begins with the name of the module's own package, which is the alias.
            top, dot, rest = name.partition(".")
            return builtins.__import__(f"{alias}{dot}{rest}" if top == package else name, *arguments, **more)

        vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_}
        super().exec_module(module)
