"""Messages whose attachments cannot be changed: nothing is dropped in silence, and no byte changes without a reason."""

import pytest
from dubbo_bytes import message, request, response, string
from dubbo_messages import CLIENT, CODEC, hx, read

from metaprotocol_sdk import Mutation, UnsupportedMutation

OTHER_SERIALIZATIONS = [number for number in range(32) if number != 2]
FASTJSON = b'"2.0.2"\n"org.demo.Greeter"\n"1.0"\n"hello"\n""\n{"a":"1"}\n'
PROTOBUF = hx("07 0a05 322e302e32 03 0a01 69 00 03 0a01 6d 00 08 0a06 0a01 61 1201 31")

WITHOUT_ATTACHMENTS = {
    "heartbeat": message(0xE2, b"N"),
    "heartbeat of another serialization": message(0xE6, b"null\n"),
    "empty heartbeat": message(0xE2),
    "heartbeat reply": message(0x22, b"N", status=20),
    "heartbeat reply that reports an error": message(0x22, b"N", status=80),
    "event": message(0xA2, hx("01 52")),
    "event of another serialization": message(0xA6, b'"R"\n'),
    "event without a body": message(0xA2),
    "error reply": response(string("no provider"), status=60),
    "error reply without a text": response(b"N", status=60),
}
UNREADABLE = {
    "request": request(arguments=hx("40")),
    "request that is cut off": message(0xC2, hx("05 322e302e32")),
    "oneway request": message(0x82, hx("91")),
    "request whose attachments are no map": request(attachments=hx("91")),
    "request whose attachments are their own reference": request(attachments=hx("51 90")),
    "response": response(hx("96")),
    "empty response": response(b""),
    "response whose attachments are missing": response(hx("95")),
    "error reply": response(hx("78"), status=60),
    "event": message(0xA2, hx("91")),
}
FOREIGN = {
    **{f"request {number}": message(0xC0 | number, b"\1\2\3") for number in OTHER_SERIALIZATIONS},
    **{f"oneway request {number}": message(0x80 | number, b"\1\2\3") for number in OTHER_SERIALIZATIONS},
    **{f"response {number}": message(number, b"\1\2\3", status=20) for number in OTHER_SERIALIZATIONS},
    **{f"error reply {number}": message(number, b"\1\2\3", status=60) for number in OTHER_SERIALIZATIONS},
    "fastjson that is read": message(0xC6, FASTJSON),
    "protobuf that is read": message(0xD6, PROTOBUF),
}
ALL = {
    **WITHOUT_ATTACHMENTS,
    **{f"unreadable {name}": found for name, found in UNREADABLE.items()},
    **FOREIGN,
}


def encode(found: bytes, **mutation: str | None) -> bytes:
    metadata = read(found)
    metadata.request = None if found[2] & 0x80 else CLIENT
    return CODEC.encode(metadata, Mutation(mutation))


@pytest.mark.parametrize("name", ALL)
def test_an_empty_mutation_gives_the_very_same_bytes(name):
    metadata = read(ALL[name])
    assert CODEC.encode(metadata, Mutation()) is metadata.message
    assert metadata.message == ALL[name]


@pytest.mark.parametrize("name", ALL)
def test_setting_is_refused(name):
    with pytest.raises(UnsupportedMutation):
        encode(ALL[name], k="v")


@pytest.mark.parametrize("name", ALL)
def test_setting_is_refused_beside_a_removal_too(name):
    with pytest.raises(UnsupportedMutation):
        encode(ALL[name], a=None, k="v", z=None)


@pytest.mark.parametrize("name", WITHOUT_ATTACHMENTS)
def test_the_refusal_names_the_key_and_says_why(name):
    with pytest.raises(UnsupportedMutation, match=r"colour cannot be set.*no attachments"):
        encode(WITHOUT_ATTACHMENTS[name], colour="blue")


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_refusal_says_why_the_message_cannot_be_read(name):
    error = read(UNREADABLE[name]).error
    assert error is not None
    with pytest.raises(UnsupportedMutation) as refusal:
        encode(UNREADABLE[name], k="v")
    assert error.message in str(refusal.value)


@pytest.mark.parametrize(
    ("flags", "name"), [(0xC6, "fastjson"), (0xD6, "protobuf"), (0xC3, "java"), (0x17, "fastjson2"), (0xDF, "31")]
)
def test_the_refusal_names_the_serialization(flags, name):
    with pytest.raises(UnsupportedMutation, match=f"serialization {name}"):
        encode(message(flags, b"\1\2\3", status=0 if flags & 0x80 else 20), k="v")


@pytest.mark.parametrize("name", [*UNREADABLE, *FOREIGN])
def test_where_attachments_cannot_be_seen_a_removal_is_refused_too(name):
    with pytest.raises(UnsupportedMutation):
        encode({**UNREADABLE, **FOREIGN}[name], a=None)


@pytest.mark.parametrize("name", WITHOUT_ATTACHMENTS)
def test_where_no_attachments_can_be_a_removal_changes_no_byte(name):
    assert encode(WITHOUT_ATTACHMENTS[name], k=None) == WITHOUT_ATTACHMENTS[name]


@pytest.mark.parametrize("value", [None, "W"], ids=["remove", "set"])
def test_the_name_of_an_event_cannot_be_changed(value):
    found = WITHOUT_ATTACHMENTS["event"]
    assert read(found).properties == {"event": "READONLY"}
    with pytest.raises(UnsupportedMutation, match="event"):
        encode(found, event=value)


@pytest.mark.parametrize("value", [None, "x"], ids=["remove", "set"])
def test_the_text_of_an_error_cannot_be_changed(value):
    found = WITHOUT_ATTACHMENTS["error reply"]
    assert read(found).properties == {"error": "no provider"}
    with pytest.raises(UnsupportedMutation, match="error"):
        encode(found, error=value)
