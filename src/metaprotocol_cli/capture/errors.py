"""The error of a capture file that cannot be read."""

from __future__ import annotations


class CaptureError(Exception):
    """A file is not a packet capture, or is damaged.

    Args:
        what: The fault and what was expected instead, for a person.
        offset: The place, in bytes from the start of the file; None if no place can be named.
        hint: Advice to the reader, or "".
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
