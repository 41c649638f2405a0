"""Messages whose frame is sound and whose contents are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.hostile import flips
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import Source, source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_BODIES = (b"", b"\0", b"\xff", b"\xff" * 8, bytes(8), b"\x01" * 40, b"S\xff\xff", b"\x7f\xff\xff\xff")

suspicious = Source(flips.sweep, any_message, weight=6)


@source()
def with_bad_bodies(subject: Subject) -> Iterable[Case]:
    """Each good message with its header, and a body that it is unlikely to have."""
    for case in subject.brief:
        metadata = subject.receive(case)[1]
        if metadata is None or not subject.frames.are_told_by_header(case.data, metadata.header_size, case.direction):
            continue
        for body in (*_BODIES, case.data[metadata.header_size : -1]):
            changed = case.data[: metadata.header_size] + body
            resized = subject.frames.resized(case.data, changed, case.direction)
            if resized is not None:
                yield case.having(data=resized, request=None, other=case.data)
