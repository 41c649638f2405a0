"""Messages whose frame is sound and whose contents are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.hostile import flips
from metaprotocol_sdk.testing._cases.messages import any_message
from metaprotocol_sdk.testing._sources import Source, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_BODIES = (b"", b"\0", b"\xff", b"\xff" * 8, bytes(8), b"\x01" * 40, b"S\xff\xff", b"\x7f\xff\xff\xff")

suspicious = Source(flips.sweep, any_message, weight=6)

# Of bytes behind the header, these many are changed one by one.
_CHANGED = 40


@source(weight=2)
def with_bad_bodies(subject: Subject) -> Iterable[Case]:
    """Each good message with its header and what cannot be read behind it; `cuts` says where that begins.

    The header is once what the layout declares and once what the codec says, which may have keys in it.
    """
    for case in subject.brief:
        metadata = subject.receive(case)[1]
        if metadata is None:
            continue
        fixed = 0 if subject.codec.layout is None else subject.codec.layout.size
        for at in sorted({fixed, metadata.header_size} - {0}):
            if at > metadata.header_size or not subject.frames.are_told_by_header(case.data, at, case.direction):
                continue
            for body in _bad(case.data[at:]):
                resized = subject.frames.resized(case.data, case.data[:at] + body, case.direction)
                if resized is not None:
                    yield case.having(data=resized, cuts=(at,), request=None, other=case.data)


def _bad(body: bytes) -> Iterator[bytes]:
    yield from _BODIES
    for end in range(min(len(body), _CHANGED)):
        yield body[:end]
    for at in range(min(len(body), _CHANGED)):
        for value in (0, body[at] ^ 0x80, 0xFF):
            yield body[:at] + bytes((value,)) + body[at + 1 :]
    yield body[:-1]
