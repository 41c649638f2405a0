"""A mutation changes the keys that it names, and nothing else."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Codec, EncodeError, Metadata
from metaprotocol_sdk.testing._case import Violation, assume, assumed, shown
from metaprotocol_sdk.testing._hypothesis import mutations
from metaprotocol_sdk.testing._outcome import body_of, difference, facts, receive
from metaprotocol_sdk.testing._properties.messages import any_message
from metaprotocol_sdk.testing._property import Level, Source, Tier, prove, source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Later
    from metaprotocol_sdk.testing._subject import Subject

NEW_KEY = "x-kit"
_USUAL_KEYS = ("a", "method", "service", "interface", "status", "type", "Path", "REQUEST_ID")
_NEW_VALUES = ("", "1", "x" * 300)
_FOLLOWS = ("message", "properties", "operation", "header_size", "incomplete")
_MANY_KEYS = 200  # more than a count of 7 bits holds
_LONG_VALUE = 70_000  # characters, more than a length of 16 bits holds
_FUZZED = 20  # properties of a message that fuzzing changes


def properties_of(subject: Subject, case: Case) -> dict[str, str]:
    """Return the properties of a case's message; none if it cannot be read."""
    metadata = subject.receive(case)[1]
    return {} if metadata is None else metadata.properties


def simple(properties: dict[str, str]) -> Iterator[dict[str, str | None]]:
    """Yield mutations of one key: each that is there, and some that are not; then of two keys and a new one."""
    yield {NEW_KEY: "1"}
    yield {NEW_KEY: None}
    for key, value in properties.items():
        yield {key: value + "x"}
        yield {key: "x" * len(value)}
        yield {key: ""}
        yield {key: None}
    for key in _USUAL_KEYS:
        yield {key: "1"}
    for first, second in zip(properties, list(properties)[1:], strict=False):
        yield {first: "1", second: None, NEW_KEY: "2"}


def lengthening() -> Iterator[dict[str, str | None]]:
    """Yield mutations that make long messages: many keys, and a long value."""
    yield {f"{NEW_KEY}-{number}": "1" for number in range(_MANY_KEYS)}
    yield {NEW_KEY: "x" * _LONG_VALUE}


def _fuzzed_changes(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    properties = dict(islice(metadata.properties.items(), _FUZZED))
    for mutation in (*simple(properties), *lengthening()):
        yield partial(case.having, mutation=mutation)
    yield partial(case.having, mutation={"path": "1"})
    for key in properties:
        yield partial(case.having, mutation={key: None, NEW_KEY: "2"})


@st.composite
def _changed(draw: st.DrawFn, subject: Subject, found: st.SearchStrategy[Case]) -> Case:
    case = draw(found)
    return case.having(mutation=draw(mutations(properties_of(subject, case))))


def _any_change(subject: Subject) -> st.SearchStrategy[Case] | None:
    found = any_message(subject)
    return None if found is None else _changed(subject, found)


@source(_any_change, variants=_fuzzed_changes)
def changes(subject: Subject) -> Iterable[Case]:
    """Each valid message with each key of it changed and removed, and with new keys."""
    for case in subject.samples:
        longer = () if subject.is_slow else lengthening()
        for mutation in (*simple(properties_of(subject, case)), *longer):
            yield case.having(mutation=mutation)


@source()
def empty_changes(subject: Subject) -> Iterable[Case]:
    """Each valid message with mutations that change nothing: a key to the value it has, a key that is not there."""
    for case in subject.samples:
        yield case.having(mutation={NEW_KEY: None})
        for key, value in properties_of(subject, case).items():
            yield case.having(mutation={key: value})


@source()
def new_keys(subject: Subject) -> Iterable[Case]:
    """Each valid message with a key that it does not have."""
    for case in subject.samples:
        for value in _NEW_VALUES:
            yield case.having(mutation={NEW_KEY: value})


def _any_new_key(subject: Subject) -> st.SearchStrategy[Case] | None:
    found, values = any_message(subject), st.sampled_from(_NEW_VALUES)
    if found is None:
        return None
    return st.builds(lambda case, value: case.having(mutation={NEW_KEY: value}), found, values)


def _fuzzed_new_keys(subject: Subject, case: Case, metadata: Metadata) -> Iterator[Later]:
    return (partial(case.having, mutation={NEW_KEY: value}) for value in _NEW_VALUES)


# Also in messages that are not valid, and that the codec reads nevertheless.
new_keys_anywhere = Source(new_keys.sweep, _any_new_key, variants=_fuzzed_new_keys)


def changed(codec: Codec, metadata: Metadata, case: Case) -> bytes | None:
    """Apply a case's mutation and id; None if they are refused."""
    try:
        return codec.encode(metadata, case.changes, case.request_id)
    except EncodeError:
        return None


def read_changed(subject: Subject, case: Case) -> tuple[Metadata, bytes]:
    """Return a case's message and the message that its mutation makes of it.

    Raises:
        Unsatisfied: The message or the mutation is refused, which says nothing about the property.
    """
    codec, metadata = subject.read(case)
    return metadata, assumed(changed(codec, metadata, case))


def again(subject: Subject, case: Case, encoded: bytes) -> Metadata:
    """Decode an encoded message, as the next proxy does.

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
    "protocol is not a header: refuse its name.",
)
def is_read_back(subject: Subject, case: Case) -> None:
    _, encoded = read_changed(subject, case)
    check_properties(case, again(subject, case, encoded))


@prove(
    "MP-MUTATION-002",
    Tier.CHANGE,
    changes,
    title="A mutation changes neither type nor id, nor whether a reply is expected, nor the status",
    why="A request that becomes one-way by a new header is never answered.",
    fix="Copy the header, and replace the lengths in it only.",
)
def keeps_the_rest(subject: Subject, case: Case) -> None:
    metadata, encoded = read_changed(subject, case)
    before, after = facts(metadata), facts(again(subject, case, encoded))
    for name in _FOLLOWS:
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"the changed message has another {different}")


@prove(
    "MP-MUTATION-003",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A new key changes no other property, and not the operation",
    why="Headers that get lost on the way (a trace id, a token, a tenant) are what a mesh exists to keep.",
    fix="Carry all headers over that the mutation does not name, those too that decode does not show.",
)
def keeps_other_properties(subject: Subject, case: Case) -> None:
    metadata, encoded = read_changed(subject, case)
    after = again(subject, case, encoded)
    expected = {key: value for key, value in metadata.properties.items() if key != NEW_KEY}
    found = {key: value for key, value in after.properties.items() if key != NEW_KEY}
    if different := difference(expected, found):
        raise Violation(f"the changed message has another {different}")
    if extra := found.keys() - expected.keys():
        raise Violation(f"the changed message has properties that nobody set: {sorted(extra)}")
    if after.operation != metadata.operation:
        raise Violation(f"the operation became {after.operation!r}, not {metadata.operation!r}")


@prove(
    "MP-MUTATION-004",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A mutation that changes the header leaves the body",
    why="The body is the caller's business data.",
    fix="Append `metadata.message[metadata.header_size : metadata.body_end]` to the new header.",
)
def keeps_the_body(subject: Subject, case: Case) -> None:
    metadata, encoded = read_changed(subject, case)
    after = again(subject, case, encoded)
    assume(after.header_size != metadata.header_size)  # else the codec's properties are in its body
    if body_of(after) != body_of(metadata):
        raise Violation(f"the body has {after.body_size} bytes afterwards, and had {metadata.body_size}, or other ones")


def _added_and_removed(subject: Subject, case: Case) -> tuple[Metadata, Metadata]:
    metadata, encoded = read_changed(subject, case)
    assume(NEW_KEY not in metadata.properties)
    codec = subject.connection(case)
    removal = case.having(mutation=dict.fromkeys(case.changes))
    restored = changed(codec, again(subject, case, encoded), removal)
    if restored is None:
        raise Violation("the key that was just set cannot be removed")
    return metadata, again(subject, case, restored)


@prove(
    "MP-MUTATION-005",
    Tier.CHANGE,
    changes,
    title="The same mutation a second time changes nothing more",
    why="A request passes a sidecar on each side, and retries pass one again; a header that is added each time grows "
    "until the server refuses it.",
    fix="Replace the value of a key that is there, and add only keys that are not.",
)
def is_idempotent(subject: Subject, case: Case) -> None:
    _, encoded = read_changed(subject, case)
    twice = changed(subject.connection(case), again(subject, case, encoded), case)
    if twice != encoded:
        raise Violation(f"the second time it gave {shown(twice)}, the first time {shown(encoded)}")


@prove(
    "MP-MUTATION-006",
    Tier.CHANGE,
    empty_changes,
    title="To set a key to the value that it has, or to remove one that is not there, keeps the very bytes",
    why="A rule that sets what the client sends anyway should cost nothing and break no signature.",
    fix="Skip keys whose value is the wanted one, and removals of keys that are not there.",
)
def keeps_what_is_so(subject: Subject, case: Case) -> None:
    _, encoded = read_changed(subject, case)
    if encoded != case.data:
        raise Violation(f"nothing was to be changed, and encode returned {shown(encoded)}")


@prove(
    "MP-MUTATION-007",
    Tier.CHANGE,
    new_keys_anywhere,
    title="A key that is set and removed again leaves the message as it was",
    why="One proxy sets a header for the way through the mesh and the next one takes it out; the server must see what "
    "the client sent.",
    fix="Remove all of what setting the key has added.",
)
def is_undone(subject: Subject, case: Case) -> None:
    before, after = map(facts, _added_and_removed(subject, case))
    for name in ("message", "header_size"):
        del before[name], after[name]
    if different := difference(before, after):
        raise Violation(f"afterwards it has another {different}")


@prove(
    "MP-MUTATION-008",
    Tier.CHANGE,
    new_keys,
    level=Level.RECOMMENDED,
    title="A key that is set and removed again leaves the very bytes",
    why="Signatures over bytes, and caches keyed by them, survive the way through the mesh.",
    fix="Keep the order and the encoding of what is not changed, and add new keys at the end.",
)
def is_undone_to_the_byte(subject: Subject, case: Case) -> None:
    before, after = _added_and_removed(subject, case)
    if before.message != after.message:
        raise Violation(f"afterwards the message is {shown(after.message)}")
