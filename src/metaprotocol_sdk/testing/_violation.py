"""What a check raises."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case


# What a codec may raise by mistake. One that ends the process would end the check, too.
ANYTHING = (Exception, SystemExit)


class Violation(AssertionError):
    """A property does not hold.

    Args:
        diagnosis: What was seen and what was expected, in one line.
        case: A clearer case than the one that was checked, or None.
    """

    __module__ = "metaprotocol_sdk.testing"  # how it is shown, and imported

    def __init__(self, diagnosis: str, case: Case | None = None) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.case = case


def shown(value: object, most: int = 200) -> str:
    """Return a value's repr, shortened."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def escaped(error: BaseException, what: str = "", case: Case | None = None) -> Violation:
    """Return the violation of an exception that must not leave a codec.

    Args:
        error: The exception.
        what: Who raised it; by default the function where it was raised.
        case: The case that made it.
    """
    said = str(error).partition("\n")[0]
    place = _place(error)
    text = f"{what or (place and place[0]) or 'the codec'} raised {type(error).__name__}"
    text += f": {said[:200]}" if said else ""
    violation = Violation(text + (f" ({place[1]})" if place else ""), case)
    violation.__cause__ = error
    return violation


def _place(error: BaseException) -> tuple[str, str] | None:
    """Return the innermost function that an exception came from, and its place."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return None
    frame, line = frames[-1]
    code = frame.f_code
    return code.co_qualname, f"{Path(code.co_filename).name}:{line}"
