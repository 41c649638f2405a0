"""Another request id, which a proxy gives each message that it multiplexes, in every kind of message."""

import pytest
from dubbo_bytes import message, request, response, string
from dubbo_messages import CODEC, changed, hx, read, sound

from metaprotocol_sdk import EncodeError, Mutation

OOPS = "43 03 4f6f70 91 01 78 60 01 21"
IN_NEED_OF_ANOTHER_ID = {
    "request": request(attachments={"a": "1"}),
    "oneway request": request(flags=0x82),
    "generic request": request(method="$invoke", types="Ljava/lang/String;", arguments=hx("05 68656c6c6f")),
    "request of another serialization": message(0xC6, b"\1\2\3"),
    "request without a body": message(0xC6),
    "request whose body cannot be read": request(arguments=hx("40")),
    "heartbeat": message(0xE2, b"N"),
    "heartbeat of another serialization": message(0xE6, b"null\n"),
    "heartbeat reply": message(0x22, b"N", status=20),
    "event": message(0xA2, hx("01 52")),
    "event whose body cannot be read": message(0xA2, hx("91")),
    "exception": response(hx(f"90 {OOPS}")),
    "value": response(hx("91 03 617267")),
    "null": response(hx("92")),
    "exception with attachments": response(hx(f"93 {OOPS} 48 5a")),
    "value with attachments": response(hx("94 03 617267 48 5a")),
    "null with attachments": response(hx("95 48 5a")),
    "response of another serialization": message(0x06, b"1\n", status=20),
    "response whose body cannot be read": response(hx("96")),
    "error reply": response(string("no provider"), status=60),
    "error reply of another serialization": message(0x06, b'"no provider"\n', status=60),
    "error reply whose body cannot be read": response(hx("91"), status=60),
    "status that nobody defined": response(string("?"), status=255),
}
WITH_ATTACHMENTS = [
    *("request", "oneway request", "generic request"),
    *("exception", "value", "null"),
    *("exception with attachments", "value with attachments", "null with attachments"),
]
IDS = [0, 1, 2**31, 2**63, 2**64 - 1]


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize("name", IN_NEED_OF_ANOTHER_ID)
def test_only_the_id_changes(name, request_id):
    before = IN_NEED_OF_ANOTHER_ID[name]
    after = changed(before, {}, request_id=request_id)
    assert after == before[:4] + request_id.to_bytes(8) + before[12:]
    assert read(after).request_id == request_id


@pytest.mark.parametrize("name", IN_NEED_OF_ANOTHER_ID)
def test_its_own_id_gives_the_same_bytes(name):
    assert changed(IN_NEED_OF_ANOTHER_ID[name], {}, request_id=1) == IN_NEED_OF_ANOTHER_ID[name]


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize("name", WITH_ATTACHMENTS)
def test_id_and_attachments_change_together(name, request_id):
    before = IN_NEED_OF_ANOTHER_ID[name]
    only_mutated = changed(before, {"k": "v"})
    after = changed(before, {"k": "v"}, request_id=request_id)
    assert after == only_mutated[:4] + request_id.to_bytes(8) + only_mutated[12:]
    assert changed(after, {"k": None}, request_id=1) == changed(only_mutated, {"k": None}, request_id=1)


def test_removing_what_is_not_there_still_changes_the_id():
    before = IN_NEED_OF_ANOTHER_ID["heartbeat"]
    assert changed(before, {"k": None}, request_id=7) == message(0xE2, b"N", request_id=7)


@pytest.mark.parametrize("request_id", [-1, 2**64, 2**70, -(2**63)])
@pytest.mark.parametrize("mutation", [{}, {"k": "v"}], ids=["alone", "with a mutation"])
@pytest.mark.parametrize("name", WITH_ATTACHMENTS)
def test_an_id_of_more_than_64_bits_is_refused(name, mutation, request_id):
    with pytest.raises(EncodeError, match="64 bits"):
        changed(IN_NEED_OF_ANOTHER_ID[name], mutation, request_id=request_id)


@pytest.mark.parametrize("request_id", [-1, 2**64])
@pytest.mark.parametrize("name", IN_NEED_OF_ANOTHER_ID)
def test_an_id_of_more_than_64_bits_fits_in_no_message(name, request_id):
    with pytest.raises(EncodeError, match="64 bits"):
        changed(IN_NEED_OF_ANOTHER_ID[name], {}, request_id=request_id)


def test_the_codec_says_which_ids_fit():
    assert changed(request(), {}, request_id=CODEC.max_request_id) == request(request_id=CODEC.max_request_id)


def test_the_metadata_keeps_its_id():
    metadata = sound(request(request_id=5))
    CODEC.encode(metadata, Mutation(), 6)
    assert metadata == sound(request(request_id=5))
