"""Mutations of AwesomeRPC messages, and the replies that a mesh writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import (
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    Status,
    UnsupportedMutation,
)

codec = AwesomeRpcCodec()
REQUEST, RESPONSE, ONEWAY, HEARTBEAT, HEARTBEAT_RESPONSE = range(5)


def decode(message: bytes) -> Metadata:
    return codec.decode(message, Direction.TO_SERVER)


def mutate(message: bytes, **changes: str | None) -> bytes:
    return codec.encode(decode(message), Mutation(changes))


def request(**headers: str) -> bytes:
    return codec.build(REQUEST, 42, 7, headers=headers, payload=b"payload")


def test_a_new_header_comes_last_and_the_lengths_follow() -> None:
    assert mutate(request(a="1"), b="2") == request(a="1", b="2")


def test_a_header_is_replaced_in_its_place() -> None:
    assert mutate(request(a="1", b="2"), a="one") == request(a="one", b="2")


def test_a_header_is_removed() -> None:
    assert mutate(request(a="1", b="2"), a=None) == request(b="2")


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert mutate(request(a="1"), b=None) == request(a="1")


def test_set_and_then_removed_gives_the_original_bytes() -> None:
    assert mutate(mutate(request(a="1"), b="2"), b=None) == request(a="1")


def test_responses_and_oneway_calls_are_changed_alike() -> None:
    for kind in (RESPONSE, ONEWAY):
        changed = mutate(codec.build(kind, 1, 7, payload=b"x"), a="1")
        assert changed == codec.build(kind, 1, 7, headers={"a": "1"}, payload=b"x")


def test_the_command_is_not_a_header() -> None:
    with pytest.raises(UnsupportedMutation, match="cmd is a field"):
        mutate(request(), cmd="8")


@pytest.mark.parametrize(
    "changes", [{"": "x"}, {"k" * 256: "x"}, {"k": "x" * 65_536}, {"k": "x" * 65_533}, {"k": "\ud800"}]
)
def test_what_a_header_cannot_hold_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMutation):
        codec.encode(decode(request(a="1")), Mutation(changes))


def test_a_value_that_would_be_read_as_another_is_refused() -> None:
    with pytest.raises(UnsupportedMutation, match="not be read back"):
        mutate(request(), a="\udcc3\udca9")  # escaped bytes that are UTF-8 after all


def test_a_message_whose_headers_cannot_be_read_cannot_be_changed() -> None:
    bad = bytes.fromhex("4152 01 00 00000009 00000013 0007 0000 0001 ff")
    (metadata,) = MessageDecoder(codec, Direction.TO_SERVER).feed(bad)
    with pytest.raises(UnsupportedMutation, match="cannot be read"):
        codec.encode(metadata, Mutation(a="1"))
    assert codec.encode(metadata, Mutation()) == bad


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = text.filter(lambda key: key not in ("", "cmd"))


@given(st.dictionaries(names, text, max_size=4), st.dictionaries(names, st.none() | text, max_size=4))
def test_after_a_mutation_the_properties_are_as_it_says(headers: dict[str, str], changes: dict[str, str]) -> None:
    original = decode(codec.build(REQUEST, 42, 7, headers=headers, payload=b"payload"))
    changed = codec.encode(original, Mutation(changes))
    expected = {key: value for key, value in {**original.properties, **changes}.items() if value is not None}
    found = decode(changed)
    assert found.properties == expected
    assert changed[found.header_size :] == b"payload"
    assert codec.encode(found, Mutation(changes)) == changed
    assert original == decode(original.message)


@pytest.mark.parametrize("request_id", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("kind", range(5))
def test_the_id_of_any_message_can_be_rewritten(kind: int, request_id: int) -> None:
    message = codec.build(kind, 42, 7, headers={"a": "1"}, payload=b"x")
    changed = codec.encode(decode(message), Mutation(), request_id)
    assert changed == codec.build(kind, request_id, 7, headers={"a": "1"}, payload=b"x")


@pytest.mark.parametrize("request_id", [-1, 2**32])
def test_an_id_that_does_not_fit_is_refused(request_id: int) -> None:
    with pytest.raises(EncodeError, match="request_id"):
        codec.encode(decode(request()), Mutation(), request_id)


STATUSES = {
    ErrorType.ROUTE_NOT_FOUND: 1,
    ErrorType.CLUSTER_NOT_FOUND: 1,
    ErrorType.NO_HEALTHY_UPSTREAM: 2,
    ErrorType.OVER_LIMIT: 3,
    ErrorType.OVERFLOW: 3,
    ErrorType.TIMEOUT: 4,
    ErrorType.BAD_REQUEST: 5,
    ErrorType.BAD_RESPONSE: 6,
    ErrorType.UNAUTHORIZED: 7,
    ErrorType.UNSPECIFIED: 255,
    ErrorType.UPSTREAM_RESET: 255,
    ErrorType.FAULT_ABORT: 255,
}


@pytest.mark.parametrize("error_type", ErrorType)
def test_every_error_is_answered_with_its_status_id_and_command(error_type: ErrorType) -> None:
    reply = decode(codec.on_error(decode(request()), Error(error_type, "why")))
    assert (reply.message_type, reply.status) == (MessageType.EXCEPTION, Status.ERROR)
    assert (reply.status_code, reply.request_id) == (STATUSES[error_type], 42)
    assert reply.properties == {"cmd": "7"}
    assert reply.message[reply.header_size :] == b"why"


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(1, ErrorType.ROUTE_NOT_FOUND), (3, ErrorType.OVER_LIMIT), (4, ErrorType.TIMEOUT), (255, ErrorType.UNSPECIFIED)],
)
def test_the_status_of_a_response_tells_its_error(status: int, error_type: ErrorType) -> None:
    assert codec.error_type(decode(codec.build(RESPONSE, 1, 7, status))) is error_type


def test_a_response_that_is_ok_has_no_error() -> None:
    assert codec.error_type(decode(codec.build(RESPONSE, 1, 7))) is None


def test_the_code_of_an_error_overrides_the_status() -> None:
    reply = codec.on_error(decode(request()), Error(ErrorType.FAULT_ABORT, code=999))
    assert decode(reply).status_code == 999


def test_a_code_that_does_not_fit_is_refused() -> None:
    with pytest.raises(EncodeError, match="the code 65536 is out of range"):
        codec.on_error(decode(request()), Error(ErrorType.FAULT_ABORT, code=65_536))


def test_the_code_that_means_success_is_refused() -> None:
    with pytest.raises(EncodeError, match="success"):
        codec.on_error(decode(request()), Error(ErrorType.FAULT_ABORT, code=0))


@pytest.mark.parametrize("kind", range(5))
def test_only_what_expects_a_reply_is_answered(kind: int) -> None:
    message = decode(codec.build(kind, 1, 7))
    assert bool(codec.on_error(message, Error(ErrorType.TIMEOUT))) is message.expects_reply


def test_a_request_that_cannot_be_read_is_answered_with_bad_request() -> None:
    bad = bytes.fromhex("4152 01 00 00000009 00000013 0007 0000 0001 ff")
    (metadata,) = MessageDecoder(codec, Direction.TO_SERVER).feed(bad)
    reply = decode(codec.on_error(metadata, Error(ErrorType.BAD_REQUEST, str(metadata.error))))
    assert (reply.request_id, reply.status_code) == (9, 5)


def test_a_heartbeat_is_answered_without_its_message() -> None:
    heartbeat = decode(codec.build(HEARTBEAT, 42, 3))
    heartbeat.message = b""
    assert codec.heartbeat_reply(heartbeat) == codec.build(HEARTBEAT_RESPONSE, 42, 3)


def test_any_error_text_is_answered() -> None:
    for words in ("", "two\nlines\0", "世界 😀", "\ud800", "x" * 70_000):
        assert decode(codec.on_error(decode(request()), Error(ErrorType.TIMEOUT, words))).status_code == 4
