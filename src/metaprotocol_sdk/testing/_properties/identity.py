"""What nobody asked to change does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import EncodeError, Mutation
from metaprotocol_sdk.testing._cases.changes import changes
from metaprotocol_sdk.testing._cases.messages import messages
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import difference, facts
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk import Codec, Metadata
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject


@prove(
    "MP-IDENTITY-001",
    Tier.MESSAGE,
    messages,
    title="Encoding without a change returns the very bytes that were decoded",
    why="Most messages pass a mesh unchanged. One that is built anew loses what the codec does not know: padding, "
    "unknown fields, unusual encodings; peers then see requests that nobody sent.",
    fix="Begin encode with `if not mutation and request_id is None: return metadata.message`.",
)
def keeps_the_bytes(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None:
        return NOTHING
    encoded = codec.encode(metadata, Mutation())
    _check_bytes(encoded)
    if encoded != case.data:
        raise Violation(f"encode returned {shown(encoded)}; {_first_difference(case.data, encoded)}")
    return None


@prove(
    "MP-IDENTITY-002",
    Tier.MESSAGE,
    messages,
    title="Writing the id that a message has changes nothing",
    why="A proxy that gives a request its own id on the way out gives it back on the way in.",
    fix="Write the id in the place and the form that decode reads it from, and leave all other bytes.",
)
def keeps_the_bytes_with_the_same_id(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None:
        return NOTHING
    try:
        encoded = codec.encode(metadata, Mutation(), metadata.request_id)
    except EncodeError:
        return NOTHING
    _check_bytes(encoded)
    if encoded != case.data:
        raise Violation(f"encode returned {shown(encoded)}; {_first_difference(case.data, encoded)}")
    return None


@prove(
    "MP-IDENTITY-003",
    Tier.CHANGE,
    changes,
    title="Encoding changes neither of its arguments, and does the same again",
    why="A retry or a mirror encodes the same metadata a second time, with the same mutation.",
    fix="Copy what is to be changed: `dict(metadata.properties)`, `dict(mutation)`.",
)
def leaves_its_arguments(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    if metadata is None:
        return NOTHING
    mutation, before = case.changes, facts(metadata)
    first = _encoded(codec, metadata, mutation)
    if different := difference(before, facts(metadata)):
        raise Violation(f"encode changed its metadata: another {different}")
    if list(mutation.items()) != list(case.changes.items()):
        raise Violation(f"encode changed its mutation: {shown(mutation)}, not {shown(case.changes)}")
    second = _encoded(codec, metadata, mutation)
    if first != second:
        raise Violation(f"the second call returned {shown(second)}, the first one {shown(first)}")
    return None


def _check_bytes(encoded: object) -> None:
    """Check that encode returned bytes.

    Raises:
        Violation: It returned something else.
    """
    if not isinstance(encoded, bytes):
        raise Violation(f"encode returned {shown(encoded)}, which is no bytes")


def _encoded(codec: Codec, metadata: Metadata, mutation: Mutation) -> bytes | str:
    try:
        return codec.encode(metadata, mutation)
    except EncodeError as error:
        return type(error).__name__


def _first_difference(one: bytes, other: bytes) -> str:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"the first difference is at offset {at}: {right:02x}, not {left:02x}"
    return f"it has {len(other)} bytes, not {len(one)}"
