"""Finds codecs by name, through the entry points of installed distributions.

Nothing is imported until a codec is loaded, and entry points are read once in a process.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import inspect
from typing import Any

from attrs import frozen

from metaprotocol_sdk._codec import Codec
from metaprotocol_sdk._enums import Direction
from metaprotocol_sdk._errors import CodecConflict, CodecLoadError, CodecNotFound

ENTRY_POINT_GROUP = "metaprotocol.codecs"
"""The entry-point group in which distributions announce their codecs, as `name = "package.module:Class"`."""


@frozen
class CodecInfo:
    """A codec that a distribution announces; nothing of it is imported yet.

    Args:
        name: The name it is announced under.
        target: Where it is, as "package.module:Class".
        distribution: The distribution that announces it, or "" if it says no name.
        version: That distribution's version.
    """

    name: str
    target: str
    distribution: str
    version: str

    def load(self) -> type[Codec]:
        """Import the codec and return its class.

        Raises:
            CodecLoadError: The import fails, or what it finds is no `Codec` of this name.
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


@functools.cache
def available_codecs() -> tuple[CodecInfo, ...]:
    """Return every announced codec, sorted by name. Two rows of one name are a conflict; loading it is refused.

    `available_codecs.cache_clear()` makes the next call read the entry points again.
    """
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
        name: The name of an installed codec ("dubbo"), or where a class is ("package.module:Class").
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
        return _import(name, f"the codec {name}")
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


def _import(target: str, what: str) -> type[Codec]:
    module_name, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever a third party may raise
        raise CodecLoadError(f"{what} cannot be loaded from {target}: {type(error).__name__}: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, Codec)):
        raise CodecLoadError(f"{what} cannot be loaded: {target} is {found!r}, which is no subclass of Codec")
    if inspect.isabstract(found) or found._abstract:  # noqa: SLF001 - the SDK's own
        raise CodecLoadError(f"{what} cannot be loaded: {target} is a base class for codecs, not a codec")
    return found
