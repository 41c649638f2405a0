"""Checks that the C half that Envoy has loaded belongs to this Python half.

Each half takes tuples of the other apart by position, so a module that is older or newer than these files would read
memory that is not what it expects. The module carries a digest of its sources; the wheel has it in a file, and a clone
has the sources.
"""

from __future__ import annotations

import runpy
from pathlib import Path

RECORD = "native.digest"
"""The file in a wheel, beside this one."""

_HERE = Path(__file__).parent
_COMPILE = _HERE.parents[1] / "native" / "compile.py"


class DoesNotFit(Exception):
    """The C half comes from other sources; the text says what to do."""


def expected_digest() -> str:
    """Return the digest of the sources of the C half that belongs here; "" if nothing tells."""
    record = _HERE / RECORD
    if record.is_file():
        return record.read_text("ascii").strip()
    return str(runpy.run_path(str(_COMPILE))["digest"]()) if _COMPILE.is_file() else ""


def check(digest: str) -> None:
    """Do nothing if a C half belongs here.

    Args:
        digest: Of its sources, as it says itself; "" if it is so old that it says nothing.

    Raises:
        DoesNotFit: It does not.
    """
    expected = expected_digest()
    if digest != expected or not expected:
        raise DoesNotFit(
            f"the module that Envoy has loaded was built from sources {digest or 'that it does not name'}, and "
            f"metaprotocol_envoy in {_HERE} needs {expected or 'a digest that is missing'}. Build the module again (in "
            f"a clone: make engine; elsewhere: install metaprotocol-envoy again), name that file, and restart Envoy"
        )
