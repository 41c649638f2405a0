"""A mutation changes what it names, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk import Codec, EncodeError, Metadata
from metaprotocol_sdk.testing._cases.changes import (
    NEW_KEY,
    changes,
    empty_changes,
    new_keys,
    new_keys_anywhere,
)
from metaprotocol_sdk.testing._catalogue import NOTHING, Level, Tier, prove
from metaprotocol_sdk.testing._outcome import difference, facts
from metaprotocol_sdk.testing._subject import receive
from metaprotocol_sdk.testing._violation import Violation, shown

if TYPE_CHECKING:
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_FOLLOWS = ("message", "properties", "operation", "header_size")


def changed(codec: Codec, metadata: Metadata, case: Case) -> bytes | None:
    """Apply a case's mutation and id; None if they are refused."""
    try:
        return codec.encode(metadata, case.changes, case.request_id)
    except EncodeError:
        return None


def again(subject: Subject, case: Case, encoded: bytes) -> Metadata:
    """Decode what was encoded, as the next proxy does.

    Raises:
        Violation: It does not decode.
    """
    metadata = receive(subject.connection(case), case.having(data=encoded))
    if metadata is None:
        raise Violation(f"the changed message does not decode: {shown(encoded)}")
    return metadata


def check_properties(case: Case, metadata: Metadata) -> None:
    """Check that a mutation is in the properties.

    Raises:
        Violation: It isn't.
    """
    for key, value in case.changes.items():
        found = metadata.properties.get(key)
        if found != value:
            asked = "removed" if value is None else f"set to {shown(value, 80)}"
            raise Violation(f"the key {shown(key, 80)} was {asked}, and the property is {shown(found, 80)} afterwards")


@prove(
    "MP-MUTATION-001",
    Tier.CHANGE,
    changes,
    title="A key names a property: what was set is read back, what was removed is gone, or the change is refused",
    why="A change that is dropped in silence sends canary traffic to production, or a token nowhere.",
    fix="Write the key where decode reads the property from, or raise `UnsupportedMutation`. A field of the "
    "protocol is no header: refuse its name.",
)
def is_read_back(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if encoded is None:
        return NOTHING
    check_properties(case, again(subject, case, encoded))
    return None


@prove(
    "MP-MUTATION-002",
    Tier.CHANGE,
    changes,
    title="A mutation changes neither type nor id, nor whether a reply is expected, nor the status",
    why="A request that becomes one-way by a new header is never answered.",
    fix="Copy the header, and replace the lengths in it only.",
)
def keeps_the_rest(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if metadata is None or encoded is None:
        return NOTHING
    before, after = facts(metadata), facts(again(subject, case, encoded))
    for name in _FOLLOWS:
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"the changed message has another {different}")
    return None


@prove(
    "MP-MUTATION-003",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A new key changes no other property, and not the operation",
    why="Headers that get lost on the way (a trace id, a token, a tenant) are what a mesh exists to keep.",
    fix="Carry all headers over that the mutation does not name, those too that decode does not show.",
)
def keeps_other_properties(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if metadata is None or encoded is None:
        return NOTHING
    after = again(subject, case, encoded)
    expected = {key: value for key, value in metadata.properties.items() if key != NEW_KEY}
    found = {key: value for key, value in after.properties.items() if key != NEW_KEY}
    if different := difference(expected, found):
        raise Violation(f"the changed message has another {different}")
    if extra := found.keys() - expected.keys():
        raise Violation(f"the changed message has properties that nobody set: {sorted(extra)}")
    if after.operation != metadata.operation:
        raise Violation(f"the operation became {after.operation!r}, not {metadata.operation!r}")
    return None


@prove(
    "MP-MUTATION-004",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A mutation that changes the header leaves the body",
    why="The body is the caller's business data.",
    fix="Append `metadata.message[metadata.header_size :]` to the new header.",
)
def keeps_the_body(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if metadata is None or encoded is None:
        return NOTHING
    after = again(subject, case, encoded)
    if after.header_size == metadata.header_size:
        return NOTHING  # the codec's properties are in its body
    if after.message[after.header_size :] != metadata.message[metadata.header_size :]:
        raise Violation(f"the body has {after.body_size} bytes afterwards, and had {metadata.body_size}, or other ones")
    return None


@prove(
    "MP-MUTATION-005",
    Tier.CHANGE,
    changes,
    title="The same mutation a second time changes nothing more",
    why="A request passes a sidecar on each side, and retries pass one again; a header that is added each time grows "
    "until the server refuses it.",
    fix="Replace the value of a key that is there, and add only keys that are not.",
)
def is_idempotent(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if encoded is None:
        return NOTHING
    twice = changed(subject.connection(case), again(subject, case, encoded), case)
    if twice != encoded:
        raise Violation(f"the second time it gave {shown(twice)}, the first time {shown(encoded)}")
    return None


@prove(
    "MP-MUTATION-006",
    Tier.CHANGE,
    empty_changes,
    title="To set a key to the value that it has, or to remove one that is not there, keeps the very bytes",
    why="A rule that sets what the client sends anyway should cost nothing and break no signature.",
    fix="Skip keys whose value is the wanted one, and removals of keys that are not there.",
)
def keeps_what_is_so(subject: Subject, case: Case) -> object:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if encoded is None:
        return NOTHING
    if encoded != case.data:
        raise Violation(f"nothing was to be changed, and encode returned {shown(encoded)}")
    return None


def _added_and_removed(subject: Subject, case: Case) -> tuple[Metadata, Metadata] | None:
    codec, metadata = subject.receive(case)
    encoded = None if metadata is None else changed(codec, metadata, case)
    if metadata is None or encoded is None or NEW_KEY in metadata.properties:
        return None
    codec = subject.connection(case)
    removal = case.having(mutation=dict.fromkeys(case.changes))
    restored = changed(codec, again(subject, case, encoded), removal)
    if restored is None:
        raise Violation("the key that was just set cannot be removed")
    return metadata, again(subject, case, restored)


@prove(
    "MP-MUTATION-007",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A key that is set and removed again leaves the message as it was",
    why="One proxy sets a header for the way through the mesh and the next one takes it out; the server must see what "
    "the client sent.",
    fix="Remove all of what setting the key has added.",
)
def is_undone(subject: Subject, case: Case) -> object:
    pair = _added_and_removed(subject, case)
    if pair is None:
        return NOTHING
    before, after = facts(pair[0]), facts(pair[1])
    for name in ("message", "header_size"):
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"afterwards it has another {different}")
    return None


@prove(
    "MP-MUTATION-008",
    Tier.CHANGE,
    new_keys,
    level=Level.RECOMMENDED,
    title="A key that is set and removed again leaves the very bytes",
    why="Signatures over bytes, and caches keyed by them, survive the way through the mesh.",
    fix="Keep the order and the encoding of what is not changed, and add new keys at the end.",
)
def is_undone_to_the_byte(subject: Subject, case: Case) -> object:
    pair = _added_and_removed(subject, case)
    if pair is None:
        return NOTHING
    if pair[0].message != pair[1].message:
        raise Violation(f"afterwards the message is {shown(pair[1].message)}")
    return None
