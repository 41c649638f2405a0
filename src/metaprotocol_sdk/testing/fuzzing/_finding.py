"""Something that was found."""

from __future__ import annotations

import hashlib
import traceback
from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_sdk.testing._report.text import explain
from metaprotocol_sdk.testing._result import Result, Verdict

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._catalogue import Property
    from metaprotocol_sdk.testing._subject import Subject


@frozen
class Finding:
    """A property that does not hold of an input.

    Args:
        violated: The property.
        case: What it does not hold of.
        diagnosis: What was seen and what was expected, in one line.
        cause: The exception behind it, or None.
        endless: Whether it had not ended when its time was over.
    """

    violated: Property
    case: Case
    diagnosis: str
    cause: BaseException | None = field(default=None, eq=False, repr=False)
    endless: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """What two findings have in common if they are the same bug, as far as can be told."""
        if self.endless:
            return ("endless",)
        if self.cause is None:
            return (self.violated.id,)
        # One bug in decode shows in every property that decodes.
        frames = traceback.extract_tb(self.cause.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        return (type(self.cause).__name__, place)

    @property
    def data(self) -> bytes:
        """The input: the case's bytes, behind those that it needs before it."""
        before = [data for direction, data in self.case.before if direction is self.case.direction]
        return b"".join(before) + self.case.data

    @property
    def name(self) -> str:
        """The name of the file to save it in; the same for the same bytes."""
        return f"{hashlib.sha256(self.data).hexdigest()[:16]}.bin"

    def text(self, subject: Subject) -> str:
        """Return all that is to be said of it: an annotated dump, and a test to paste."""
        return explain(subject, self.result)

    @property
    def result(self) -> Result:
        """The finding as a result of the kit's."""
        return Result(self.violated, Verdict.FAILS, 1, 1, self.diagnosis, self.case, self.cause)
