"""A mutation of any message changes its properties as it would change a dictionary, or is refused."""

from typing import Any, Self

from attrs import frozen
from dubbo_generated import KEYS, MESSAGES, MUTATIONS, TEXTS
from dubbo_messages import CLIENT, CODEC, body_values, read, sound
from hypothesis import assume, given
from hypothesis import strategies as st

from examples import examples
from metaprotocol_codecs.hessian2.values import Instance, Map
from metaprotocol_sdk import Metadata, Mutation, UnsupportedMutation

FIELDS = ("method", "parameter_types", "interface", "dubbo", "body_path", "generic_method", "exception", "error")
# What attachments decide together with the body.
DISPATCH = ("interface", "body_path", "version", "group", "generic_method")
EVERYTHING_ELSE = ("message_type", "request_id", "status", "status_code", "expects_reply", "error", "header_size")


def received(message: bytes) -> Metadata:
    metadata = sound(message)
    if not message[2] & 0x80:
        metadata.request = CLIENT
    return metadata


@frozen
class Contents:
    """The content of a body, built by the hessian2 reader.

    Args:
        values: What stands before the attachments, the kind of a response aside.
        attachments: The attachments as a map of their own.
    """

    values: list
    attachments: Map

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        is_request = metadata.message[2] & 0x80
        count = metadata.state.values + (5 if is_request else 1)
        has_attachments = is_request or metadata.message[16] >= 0x93
        values = body_values(metadata.message, count + 1 if has_attachments else count)
        attachments = values.pop() if has_attachments else None
        if attachments is None or metadata.message[metadata.state.start] == ord("Q"):
            attachments = Map(attachments.pairs if attachments else [])
        return cls(values if is_request else values[1:], attachments)

    def apply(self, mutation: Mutation, properties: dict[str, str]) -> None:
        """Change the attachments as Java would see it: of equal keys the last counts, and new ones come last."""
        pairs = self.attachments.pairs
        for key, value in mutation.items():
            if value is None and key not in properties and self.is_hidden(key, properties):
                continue  # a null or a number hides a field of the body, and would not if it went
            at = [number for number, (name, _) in enumerate(pairs) if isinstance(name, str) and name == key]
            if value is None:
                for number in reversed(at):
                    del pairs[number]
            elif at:
                pairs[at[-1]] = (key, value)
            else:
                pairs.append((key, value))

    def is_hidden(self, key: str, properties: dict[str, str]) -> bool:
        """Return whether an attachment, if there is one, hides the path or the version of a request's body."""
        at = {"path": 1, "version": 2}.get(key)
        return at is not None and "dubbo" in properties and self.values[at] is not None

    def unfolded(self) -> list:
        """Return all of it in a form that can be compared."""
        return [unfold(value) for value in [*self.values, Map(self.attachments.pairs)]]


def unfold(value: Any, levels: int = 5) -> object:
    """Return a value as a tree with every reference followed, so many levels deep, since there may be cycles."""
    if not isinstance(value, list | Map | Instance):
        return type(value), value
    if not levels:
        return type(value)
    name = getattr(value, "type", None) or getattr(value, "class_name", None)
    inner = value
    if isinstance(value, Map):
        inner = [part for pair in value.pairs for part in pair]
    elif isinstance(value, Instance):
        inner = [part for pair in value.fields.items() for part in pair]
    return type(value), name, [unfold(part, levels - 1) for part in inner]


def attempt(metadata: Metadata, mutation: Mutation) -> bytes | None:
    """Apply a mutation twice; None if it is refused."""
    untouched, asked = metadata.clone(), Mutation(mutation)
    try:
        after = CODEC.encode(metadata, mutation)
    except UnsupportedMutation:
        after = None
    else:
        assert CODEC.encode(metadata, mutation) == after
    assert metadata == untouched
    assert mutation == asked
    return after


@given(MESSAGES, MUTATIONS)
@examples(3)
def test_a_mutation_changes_the_properties_as_it_would_change_a_dictionary(message, mutation):
    metadata = received(message)
    after = attempt(metadata, mutation)
    if after is None:
        return
    found = received(after)
    expected = dict(metadata.properties)
    for key, value in mutation.items():
        expected.pop(key, None)
        if value is not None:
            expected[key] = value
    for name in DISPATCH:
        if name not in mutation:
            expected.pop(name, None)
    assert {name: found.properties.get(name) for name in expected} == expected
    assert found.properties.keys() - expected.keys() <= set(DISPATCH)
    for name in EVERYTHING_ELSE:
        assert getattr(found, name) == getattr(metadata, name)


@given(MESSAGES, MUTATIONS)
@examples(3)
def test_a_mutation_leaves_every_other_value_what_it_was(message, mutation):
    metadata = received(message)
    after = attempt(metadata, mutation)
    if after is not None:
        expected = Contents.of(metadata)
        expected.apply(mutation, metadata.properties)
        assert Contents.of(received(after)).unfolded() == expected.unfolded()


@given(MESSAGES, MUTATIONS)
def test_a_mutation_leaves_every_byte_before_the_attachments_and_behind_them(message, mutation):
    metadata = received(message)
    after = attempt(metadata, mutation)
    if after is None:
        return
    start = metadata.state.start
    assert after[:12] == message[:12]
    assert after[17:start] == message[17:start]
    assert after[16] == message[16] or after[16] - message[16] in (3, -3)
    assert after.endswith(b"\x00\xff") == message.endswith(b"\x00\xff")
    assert int.from_bytes(after[12:16]) == len(after) - 16


@given(MESSAGES, st.dictionaries(KEYS, TEXTS, min_size=1, max_size=4), st.randoms())
@examples(3)
def test_new_keys_that_go_again_in_any_order_leave_the_original_contents(message, new, random):
    metadata = received(message)
    original = Contents.of(metadata).unfolded()
    there = {key for key, _ in Contents.of(metadata).attachments.pairs if isinstance(key, str)}
    # A version of the body shows again when the attachment goes, so that removal is refused.
    new = {key: value for key, value in new.items() if key not in {*there, *FIELDS, "version"}}
    order = list(new)
    for key in order:
        after = attempt(metadata, Mutation({key: new[key]}))
        assume(after is not None)  # a map of a class that is not known
        metadata = received(after)
    random.shuffle(order)
    for key in order:
        metadata = received(CODEC.encode(metadata, Mutation({key: None})))
    assert Contents.of(metadata).unfolded() == original
    # A map that was there has its bytes again; a null, a reference and a kind without attachments do not.
    if message[16 if not message[2] & 0x80 else received(message).state.start] in b"HM":
        assert metadata.message == message


@given(MESSAGES, st.lists(MUTATIONS, min_size=2, max_size=6))
@examples(1.5)
def test_mutations_one_after_the_other_add_up(message, mutations):
    metadata = received(message)
    expected = Contents.of(metadata)
    for mutation in mutations:
        after = attempt(metadata, mutation)
        if after is not None:
            expected.apply(mutation, metadata.properties)
            metadata = received(after)
    assert Contents.of(metadata).unfolded() == expected.unfolded()


@given(MESSAGES, MUTATIONS, st.integers(0, 2**64 - 1))
def test_an_id_and_a_mutation_do_not_meet(message, mutation, request_id):
    metadata = received(message)
    after = attempt(metadata, mutation)
    if after is not None:
        both = CODEC.encode(metadata, mutation, request_id)
        assert both == after[:4] + request_id.to_bytes(8) + after[12:]


@given(MESSAGES, MUTATIONS)
def test_what_was_encoded_is_explained_to_the_last_byte(message, mutation):
    after = attempt(received(message), mutation)
    spans = CODEC.spans(read(message if after is None else after))
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]
    assert "unreadable" not in {span.name for span in spans}
