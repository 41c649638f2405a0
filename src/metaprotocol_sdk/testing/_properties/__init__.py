"""The catalogue: every property, each in a module with its cases.

A module imports those whose cases or checks it builds on. So the order in which properties are registered is one in
which they build on each other, and they are tried in that order within a tier.
"""

from __future__ import annotations

import importlib
import pkgutil
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._property import PROVED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._property import Property

# All of them at once, whichever is asked for first: the order must not depend on who asks.
for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")


@cache
def catalogue() -> tuple[Property, ...]:
    """Return every property: tier by tier, and in a tier those first that others build on."""
    return tuple(sorted(PROVED.values(), key=lambda found: found.tier))


def properties(only: Iterable[str] = ()) -> tuple[Property, ...]:
    """Return the properties that match one of the patterns, such as `MP-STREAM-*`; all of them without patterns.

    Args:
        only: Patterns of ids, in any case.

    Raises:
        ValueError: A pattern matches no property.
    """
    patterns = [pattern.upper() for pattern in only]
    for pattern in patterns:
        if not any(fnmatchcase(found.id, pattern) for found in catalogue()):
            raise ValueError(f"no property matches {pattern!r}; `metaprotocol check --list` shows them all")
    if not patterns:
        return catalogue()
    return tuple(found for found in catalogue() if any(fnmatchcase(found.id, pattern) for pattern in patterns))
