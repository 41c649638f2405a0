"""Metadata, mutations and the reasons of local answers."""

import copy
import inspect
import pickle

import pytest

from metaprotocol_sdk import DecodeError, Error, ErrorType, MessageType, Metadata, Mutation, Span, Status

POSITIONS = [
    "message",
    "message_type",
    "request_id",
    "operation",
    "status",
    "properties",
    "header_size",
    "status_code",
    "expects_reply",
    "stream_id",
    "request",
    "error",
    "state",
    "trailer_size",
    "incomplete",
]


def full() -> Metadata:
    """Metadata of which no field has its default."""
    return Metadata(
        b"header body",
        MessageType.EXCEPTION,
        7,
        "Greeter/hello",
        Status.ERROR,
        {"user": "zoe"},
        6,
        500,
        True,
        3,
        Metadata(b"request", MessageType.REQUEST, 7),
        DecodeError("bad body", offset=6),
        ["state"],
        2,
        "kryo is not read",
    )


def test_the_positional_order_is_public_and_new_fields_go_last() -> None:
    parameters = list(inspect.signature(Metadata).parameters)
    assert parameters[: len(POSITIONS)] == POSITIONS
    metadata = full()
    assert [getattr(metadata, name) for name in POSITIONS[:5]] == [
        b"header body",
        MessageType.EXCEPTION,
        7,
        "Greeter/hello",
        Status.ERROR,
    ]
    assert [getattr(metadata, name) for name in POSITIONS[5:10]] == [{"user": "zoe"}, 6, 500, True, 3]


def test_a_message_and_a_type_are_enough() -> None:
    metadata = Metadata(b"abc", MessageType.RESPONSE)
    assert (metadata.request_id, metadata.operation, metadata.status) == (0, "", Status.OK)
    assert (metadata.properties, metadata.header_size, metadata.status_code) == ({}, 0, None)
    assert [getattr(metadata, name) for name in POSITIONS[9:13]] == [None] * 4
    assert (metadata.trailer_size, metadata.incomplete) == (0, "")


@pytest.mark.parametrize("message_type", MessageType)
def test_only_a_request_expects_a_reply_unless_it_is_said(message_type: MessageType) -> None:
    assert Metadata(b"", message_type).expects_reply is (message_type is MessageType.REQUEST)
    assert Metadata(b"", message_type, expects_reply=True).expects_reply is True
    assert Metadata(b"", message_type, expects_reply=False).expects_reply is False


def test_the_body_is_between_the_header_and_the_trailer() -> None:
    metadata = Metadata(b"header body crc", MessageType.REQUEST, header_size=7, trailer_size=4)
    assert metadata.message[metadata.header_size : metadata.body_end] == b"body"
    assert metadata.body_size == 4


def test_without_a_header_and_a_trailer_the_message_is_the_body() -> None:
    metadata = Metadata(b"abc", MessageType.REQUEST)
    assert (metadata.body_end, metadata.body_size) == (3, 3)


def test_each_has_properties_of_its_own() -> None:
    one, other = Metadata(b"", MessageType.REQUEST), Metadata(b"", MessageType.REQUEST)
    one.properties["a"] = "1"
    assert other.properties == {}


def test_a_clone_is_equal_in_every_field() -> None:
    original = full()
    clone = original.clone()
    assert clone == original
    assert clone is not original
    assert [getattr(clone, name) for name in POSITIONS] == [getattr(original, name) for name in POSITIONS]


def test_a_clone_can_be_changed_and_the_original_stays() -> None:
    original = full()
    clone = original.clone()
    clone.properties["user"] = "adam"
    clone.operation = "other"
    clone.request_id = 8
    assert original == full()


def test_a_clone_shares_what_nobody_changes() -> None:
    original = full()
    clone = original.clone()
    assert clone.message is original.message
    assert clone.request is original.request
    assert clone.state is original.state
    assert clone.error is original.error


@pytest.mark.parametrize("name", POSITIONS)
def test_metadata_that_differ_in_one_field_are_not_equal(name: str) -> None:
    changed = full()
    setattr(changed, name, "something else")
    assert changed != full()


def test_metadata_take_no_other_attributes() -> None:
    """A slip such as `metadata.propertys = ...` is heard at once."""
    with pytest.raises(AttributeError):
        full().propertys = {}


def test_metadata_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(full())) == full()


def test_a_mutation_is_a_dict_of_values_to_set_and_keys_to_remove() -> None:
    mutation = Mutation({"a": "1"}, b=None)
    mutation["c"] = "3"
    assert dict(mutation) == {"a": "1", "b": None, "c": "3"}
    assert isinstance(mutation, dict)


def test_an_empty_mutation_is_false() -> None:
    assert not Mutation()
    assert Mutation(a=None)


def test_a_mutation_prints_as_what_it_is() -> None:
    assert repr(Mutation(a="1", b=None)) == "Mutation({'a': '1', 'b': None})"


def test_an_error_is_a_type_with_a_text_and_perhaps_a_code() -> None:
    assert Error(ErrorType.TIMEOUT) == Error(ErrorType.TIMEOUT, "", None)
    assert Error(ErrorType.FAULT_ABORT, "on purpose", 503).code == 503


@pytest.mark.parametrize("value", [Error(ErrorType.TIMEOUT), Span(0, 1, "a")])
def test_values_cannot_be_changed_and_can_be_keys(value: Error | Span) -> None:
    with pytest.raises(AttributeError):
        value.message = value.name = "other"
    assert hash(value) == hash(copy.copy(value))


@pytest.mark.parametrize("member", [MessageType.STREAM_INIT, Status.OK, ErrorType.OVER_LIMIT])
def test_a_vocabulary_prints_and_compares_as_its_value(member: MessageType | Status | ErrorType) -> None:
    assert str(member) == f"{member}" == member.value == member.name.lower()
    assert type(member)(member.value) is member
