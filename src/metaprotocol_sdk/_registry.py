"""Finds codecs by name: those that installed distributions announce, and those that the program registers.

Nothing is imported until a codec is loaded, and entry points are read once in a process.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import inspect
import re
import traceback
from typing import Any

from attrs import frozen

from metaprotocol_sdk._codec import Codec
from metaprotocol_sdk._enums import Direction
from metaprotocol_sdk._errors import CodecConflict, CodecLoadError, CodecNotFound

ENTRY_POINT_GROUP = "metaprotocol.codecs"
"""The entry-point group in which distributions announce their codecs, as `name = "package.module:Class"`."""


@frozen
class CodecInfo:
    """A codec that has a name; nothing of it is imported yet.

    Args:
        name: The name it is announced under.
        target: Its place, as "package.module:Class".
        distribution: The distribution that announces it; "" if it has no name, or the program registered the codec.
        version: That distribution's version.
    """

    name: str
    target: str
    distribution: str
    version: str

    def load(self) -> type[Codec]:
        """Import the codec and return its class.

        Raises:
            CodecLoadError: The import fails, or the target is not a `Codec` of this name.
        """
        codec = _import(self.target, f"the codec {self.name!r} of {self.origin}")
        if codec.name != self.name:
            raise CodecLoadError(
                f"{self.origin} announces {self.target} as {self.name!r}, and the class says its name is {codec.name!r}"
            )
        return codec

    @property
    def origin(self) -> str:
        """The distribution and its version, for a message."""
        return f"{self.distribution or 'an unnamed distribution'} {self.version}".strip()


# Codecs that the program registered, by name.
_registered: dict[str, type[Codec]] = {}


def available_codecs(*, refresh: bool = False) -> tuple[CodecInfo, ...]:
    """Return every codec that has a name, sorted by name. Two rows of one name are a conflict; loading it is refused.

    Args:
        refresh: True to read the entry points again, after a distribution was installed.
    """
    if refresh:
        _announced.cache_clear()
    registered = [
        CodecInfo(name, f"{codec.__module__}:{codec.__qualname__}", "", "") for name, codec in _registered.items()
    ]
    return tuple(sorted((*_announced(), *registered), key=lambda info: (info.name, info.distribution, info.target)))


def register_codec(codec: type[Codec], *, replace: bool = False) -> type[Codec]:
    """Give a codec its name in this process, without a distribution that announces it. Works as a decorator.

    Args:
        codec: A codec's class.
        replace: True to take the name from the codec that was registered with it before.

    Returns:
        The class.

    Raises:
        CodecConflict: Another codec has this name.
    """
    others = [info for info in _announced() if info.name == codec.name]
    earlier = _registered.get(codec.name)
    if others or (earlier not in (None, codec) and not replace):
        taken = f"{others[0].origin} ({others[0].target})" if others else f"{earlier!r}"
        raise CodecConflict(f"the codec name {codec.name!r} is taken by {taken}; give {codec.__qualname__} another one")
    _registered[codec.name] = codec
    return codec


def unregister_codec(name: str) -> None:
    """Take back `register_codec`; a name that was not registered is fine.

    Args:
        name: The codec's name.
    """
    _registered.pop(name, None)


@functools.cache
def _announced() -> tuple[CodecInfo, ...]:
    """Return the codecs that installed distributions announce."""
    found = set()
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        distribution = entry.dist
        name, version = (distribution.name, distribution.version) if distribution else ("", "")
        target = entry.value.partition("[")[0].strip()  # without the extras that it may name
        found.add((entry.name, name, target, version))
    return tuple(CodecInfo(name, target, dist, version) for name, dist, target, version in sorted(found))


def load_codec(name: str, **options: Any) -> Codec:
    """Return a codec.

    Args:
        name: The name of a codec ("dubbo"), or the place of a class ("package.module:Class").
        options: Passed to the codec's class.

    Raises:
        CodecNotFound: No codec has this name; the message names those that resemble it.
        CodecConflict: Two distributions claim the name.
        CodecLoadError: The codec cannot be imported, or does not take these options.
    """
    codec = load_codec_class(name)
    try:
        inspect.signature(codec).bind(**options)
    except TypeError as error:
        taken = ", ".join(inspect.signature(codec).parameters) or "none"
        raise CodecLoadError(
            f"the codec {codec.name!r} does not take these options: {error}; its options are: {taken}"
        ) from None
    try:
        loaded = codec(**options)
        loaded.framing.scanner(Direction.TO_SERVER, loaded.limits)  # refuses limits that no message fits
    except (TypeError, ValueError) as error:
        raise CodecLoadError(f"the codec {codec.name!r} refuses its options: {error}") from error
    return loaded


def load_codec_class(name: str) -> type[Codec]:
    """Return a codec's class without making an object of it.

    Args:
        name: As for `load_codec`.

    Raises:
        RegistryError: As for `load_codec`.
    """
    if ":" in name:
        _check_place(name)
        return _import(name, f"the codec {name}")
    if name in _registered:
        return _registered[name]
    codecs = available_codecs()
    matches = [codec for codec in codecs if codec.name == name]
    if not matches:
        known = sorted({codec.name for codec in codecs})
        raise CodecNotFound(name, known, difflib.get_close_matches(name, known))
    if len(matches) > 1:
        claims = " and ".join(f"{codec.origin} ({codec.target})" for codec in matches)
        raise CodecConflict(
            f"the codec name {name!r} is claimed by {claims}; uninstall one, or name the class: {matches[0].target}"
        )
    return matches[0].load()


def _check_place(name: str) -> None:
    """Refuse what is not module:Class, and say what to write: Python's own words tell of packages."""
    module, _, attribute = name.partition(":")
    # An import hook may name a module's version after an @, as Envoy's engine does.
    parts = [*(part.partition("@")[0] for part in module.split(".")), *attribute.split(".")]
    if all(map(str.isidentifier, parts)) and not module.endswith(".py"):
        return
    if not module or not attribute:
        problem = f"it has no {'class after' if module else 'module before'} the colon"
    elif "/" in module or "\\" in module or module.endswith(".py"):
        problem = f"{module!r} is a file, and a module is expected"
    else:
        problem = "a module and a class are names of Python, and a dot joins those of a package"
    modules, classes = (re.findall(r"\w+", part) for part in (re.sub(r"\.py$", "", module), attribute))
    written = f"{'.'.join(modules) or 'module'}:{'.'.join(classes) or 'Class'}"
    raise CodecLoadError(f"the codec {name} cannot be loaded: {problem}; write {written}")


def _place(error: Exception) -> str:
    """Return the file and the line at which a module's own code failed; a syntax error has them in its text."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in (__file__, importlib.__file__) and not frame.filename.startswith("<frozen ")
    ]
    if not frames or isinstance(error, SyntaxError):
        return ""
    return f" ({frames[-1].filename}, line {frames[-1].lineno})"


def _import(target: str, what: str) -> type[Codec]:
    module_name, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever a third party may raise
        raise CodecLoadError(
            f"{what} cannot be loaded from {target}: {type(error).__name__}: {error}{_place(error)}"
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Codec)):
        raise CodecLoadError(f"{what} cannot be loaded: {target} is {found!r}, which is not a subclass of Codec")
    if inspect.isabstract(found) or found._abstract:  # noqa: SLF001 - the SDK's own
        raise CodecLoadError(f"{what} cannot be loaded: {target} is a base class for codecs, not a codec")
    return found
