"""A test to paste: it fails now, and will tell when the fault comes back."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._report.source import laid_out

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._result import Result
    from metaprotocol_sdk.testing._subject import Subject

_OURS = ("Direction", "Error", "ErrorType")


def regression_test(subject: Subject, result: Result) -> str:
    """Return the source of a test for a failing case; "" if there is no case."""
    if result.case is None:
        return ""
    found = result.property
    module, name = _where(subject)
    call = f'replay("{found.id}", {name}, {result.case!r})'
    lines = [f"from {module} import {name}" if module else f"# import {name}, the codec"]
    if used := [ours for ours in _OURS if re.search(rf"\b{ours}\b", call)]:
        lines.append(f"from metaprotocol_sdk import {', '.join(used)}")
    lines += ["from metaprotocol_sdk.testing import Case, replay", "", ""]
    lines += [f"def {found.test_name}_{_fingerprint(result.case)}() -> None:"]
    lines += [f'    """{found.title}."""', *laid_out(call)]
    return "\n".join(lines)


def _where(subject: Subject) -> tuple[str, str]:
    """Return from where which name is imported to make the codec."""
    made = subject.make if inspect.isclass(subject.make) else type(subject.codec)
    if "<" in made.__qualname__ or made.__module__ == "__main__":
        return "", made.__name__
    return made.__module__, made.__qualname__.partition(".")[0] if "." in made.__qualname__ else made.__name__


def _fingerprint(case: Case) -> str:
    """Return some letters that tell one case from another."""
    import hashlib

    return hashlib.sha256(repr(case).encode("utf-8", "backslashreplace")).hexdigest()[:6]
