"""Texts of any characters and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk.testing._cases.changes import awkward_changes
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._properties.changed import check_one_message
from metaprotocol_sdk.testing._properties.mutation import again, changed, check_properties

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-TEXT-001",
    Tier.CHANGE,
    awkward_changes,
    title="Any text is carried as it is, or refused",
    why="A line feed, a NUL or one character too many in a value becomes a second header, cuts the value, or kills the "
    "worker; and values come from clients.",
    fix="Encode with `surrogateescape`, check the size against its length field, and raise `UnsupportedMutation` "
    "for what would be read back as something else.",
)
def is_carried_or_refused(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if encoded is None:
        return NOTHING
    check_properties(case, again(subject, case, encoded))
    check_one_message(subject, case, encoded)
    return None
