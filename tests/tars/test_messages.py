"""Single messages of Tars, in hex: what each field means, and what is refused."""

import pytest

from metaprotocol_codecs.tars import TarsCodec
from metaprotocol_sdk import (
    DecodeError,
    Direction,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Mutation,
    Status,
    UnsupportedMutation,
)

CODEC = TarsCodec()
HEAD = "10 01 2c 3c 40 07"  # version 1, packet type 0, message type 0, id 7
TARGET = "56 01 61 66 01 66"  # servant a, func f
REST = "7d 00 0c 8c 98 0c a8 0c"  # no buffer, timeout 0, two empty maps


def framed(text: str) -> bytes:
    body = bytes.fromhex(text)
    return (len(body) + 4).to_bytes(4) + body


REQUEST = framed(f"{HEAD} {TARGET} {REST}")


def decode(message: bytes, direction=Direction.TO_SERVER):
    return CODEC.decode(message, direction)


def test_a_request_names_servant_and_function():
    found = decode(REQUEST)
    assert (found.operation, found.request_id, found.message_type) == ("a/f", 7, MessageType.REQUEST)
    assert found.properties == {"servant": "a", "func": "f", "version": "1", "timeout": "0"}


@pytest.mark.parametrize(
    ("fields", "operation"),
    [
        (f"{HEAD} {TARGET} 56 01 62 {REST}", "a/f"),  # a second servant comes after the function: it is skipped
        (f"{HEAD} 56 01 61 56 01 62 66 01 66 {REST}", "a/f"),  # the first of two
        (f"0a 16 01 78 0b {HEAD} {TARGET} {REST}", "a/f"),  # a struct that nobody asks for
        (f"{HEAD} {TARGET} {REST} f0 63 01", "a/f"),  # the tag 99
    ],
)
def test_fields_count_as_readers_find_them(fields, operation):
    found = decode(framed(fields))
    assert (found.operation, found.error) == (operation, None)


@pytest.mark.parametrize("missing", [f"{HEAD} 66 01 66 {REST}", f"{HEAD} 66 01 66 56 01 61 {REST}"])
def test_a_field_that_readers_do_not_find_is_missing(missing):
    assert "servant is missing" in str(decode(framed(missing)).error)


@pytest.mark.parametrize(
    "damage",
    [
        f"{HEAD} {TARGET} 7d 00 00 09 01",  # bytes that end after the message
        f"{HEAD} {TARGET} 7d 00 00 ff",  # a negative size
        f"{HEAD} {TARGET} 7d 0d 0d 0d",  # a size that has a size
        f"{HEAD} {TARGET} 0b",  # the end of no struct
        f"{HEAD} {TARGET} 0e",  # no such type
    ],
)
def test_a_bad_field_is_an_error_of_that_message_alone(damage):
    decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
    first, second = decoder.feed(framed(damage) + REQUEST)
    assert isinstance(first.error, DecodeError)
    assert (first.request_id, first.expects_reply) == (7, True)
    assert second.error is None


@pytest.mark.parametrize("kind", ["09 00 01", "0a", "08 00 01"])
def test_values_inside_values_take_no_recursion(kind):
    found = decode(framed(f"{HEAD} {TARGET} {kind * 50_000}"))
    assert isinstance(found.error, DecodeError)


def test_a_oneway_call_is_never_answered():
    found = decode(framed(f"10 01 20 01 3c 40 07 {TARGET} {REST}"))
    assert (found.message_type, found.expects_reply) == (MessageType.ONEWAY, False)
    assert CODEC.on_error(found, Error(ErrorType.TIMEOUT)) == b""


@pytest.mark.parametrize("request_id", [0, 1, 127, 128, 255, 32_767, 32_768, 65_535, 2**31 - 1, 2**31, 2**32 - 1])
def test_any_id_is_written_and_read_back(request_id):
    changed = decode(CODEC.encode(decode(REQUEST), Mutation(), request_id=request_id))
    assert changed.request_id == request_id
    assert CODEC.encode(changed, Mutation(), request_id=7) == REQUEST


def test_the_status_can_be_read_and_not_changed():
    found = decode(framed(f"{HEAD} {TARGET} 7d 00 0c 8c 98 0c a8 00 01 06 01 6b 16 01 76"))
    assert found.properties["status.k"] == "v"
    with pytest.raises(UnsupportedMutation, match="status"):
        CODEC.encode(found, Mutation({"status.k": "w"}))


def test_no_entry_of_the_context_can_pretend_to_be_the_servant():
    found = decode(framed(f"{HEAD} {TARGET} 7d 00 0c 8c 98 00 01 06 07 73657276616e74 16 01 78 a8 0c"))
    assert found.properties["servant"] == "a"
    with pytest.raises(UnsupportedMutation, match="servant is a field"):
        CODEC.encode(found, Mutation({"servant": "b"}))


def test_a_context_that_was_missing_goes_with_its_last_entry():
    """Java's server writes none."""
    answer = framed("10 01 2c 30 07 4c 5c 6d 00 0c 78 0c")
    found = decode(answer, Direction.TO_CLIENT)
    changed = decode(CODEC.encode(found, Mutation({"a": "b", "c": "d"})), Direction.TO_CLIENT)
    assert (changed.properties["a"], changed.properties["c"], changed.error) == ("b", "d", None)
    assert CODEC.encode(changed, Mutation({"a": None, "c": None})) == answer


def test_a_key_that_comes_twice_is_said_since_libraries_differ_on_it():
    found = decode(framed(f"{HEAD} {TARGET} 7d 00 0c 8c 98 00 02 06 01 61 16 01 62 06 01 61 16 01 63 a8 0c"))
    assert (found.properties["a"], found.error) == ("c", None)
    assert "comes twice" in found.incomplete


@pytest.mark.parametrize("later", ["b4 00000000", "c1 0000", "f0 63 01"])
def test_a_context_that_was_missing_comes_before_fields_that_are_not_known(later):
    answer = framed(f"10 01 2c 30 07 4c 5c 6d 00 0c 78 0c {later}")
    changed = decode(CODEC.encode(decode(answer, Direction.TO_CLIENT), Mutation({"a": "b"})), Direction.TO_CLIENT)
    assert changed.properties["a"] == "b"
    assert CODEC.encode(changed, Mutation({"a": None})) == answer


def test_a_map_of_128_entries_has_a_longer_count():
    many = Mutation({f"k{number}": "v" for number in range(200)})
    changed = decode(CODEC.encode(decode(REQUEST), many))
    assert (changed.error, len(changed.properties)) == (None, 204)
    assert CODEC.encode(changed, Mutation(dict.fromkeys(many))) == REQUEST


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_error_reply_is_in_the_form_of_its_request(version):
    asked = decode(framed(f"10 0{version} 2c 3c 40 07 {TARGET} {REST}"))
    answer = decode(CODEC.on_error(asked, Error(ErrorType.OVER_LIMIT, "over the limit")), Direction.TO_CLIENT)
    assert (answer.request_id, answer.status, answer.status_code) == (7, Status.ERROR, -9)
    assert answer.properties["error"] == "over the limit"
    assert CODEC.error_type(answer) is ErrorType.OVER_LIMIT


def test_a_ping_is_a_heartbeat_and_so_is_its_answer():
    asked = decode(framed(f"{HEAD} 56 01 61 66 09 746172735f70696e67 {REST}"))
    assert asked.message_type is MessageType.HEARTBEAT
    answer = decode(CODEC.heartbeat_reply(asked), Direction.TO_CLIENT)
    assert (answer.message_type, answer.status_code) == (MessageType.RESPONSE, 0)
    answer.request = asked
    CODEC.complete(answer)
    assert answer.message_type is MessageType.HEARTBEAT


@pytest.mark.parametrize("version", ["1c", "10 04", "10 05"])
def test_other_versions_are_refused(version):
    with pytest.raises(DecodeError, match="no version"):
        decode(framed(f"{version} 2c 3c 40 07 {TARGET} {REST}"))
