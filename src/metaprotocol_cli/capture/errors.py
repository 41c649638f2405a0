"""What is wrong with a capture file."""

from __future__ import annotations


class CaptureError(Exception):
    """A file is no packet capture, or is damaged.

    Args:
        what: What was found and what was expected, for a person.
        offset: Where, in bytes from the start of the file; None if no place can be named.
        hint: What the reader may try, or "".
    """

    def __init__(self, what: str, *, offset: int | None = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        text = self.what
        if self.offset is not None:
            text += f" (offset {self.offset})"
        return f"{text}; {self.hint}" if self.hint else text
