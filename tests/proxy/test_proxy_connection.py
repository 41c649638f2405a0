"""The messages of one connection on their way through a relay: bytes in, bytes out."""

import pytest
from toy_rpc import Toy

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import FailedPending, FeedResult, ProxyConnection, Rules
from metaprotocol_sdk import Direction, Error, ErrorType, FramingError, IncompleteMessage, MessageType, Mutation

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CODEC = AwesomeRpcCodec()
REQUEST, RESPONSE, ONEWAY, HEARTBEAT, HEARTBEAT_RESPONSE = range(5)
# A header block of one byte, which no header fits into.
UNREADABLE = bytes.fromhex("4152 01 00 00000005 00000013 0007 0000 0001 ff")
UNREADABLE_ONEWAY = bytes.fromhex("4152 01 02 00000005 00000013 0007 0000 0001 ff")
UNREADABLE_RESPONSE = bytes.fromhex("4152 01 01 00000005 00000013 0007 0000 0001 ff")


def build(kind: int, request_id: int = 1, status: int = 0, payload: bytes = b"", **headers: str) -> bytes:
    return CODEC.build(kind, request_id, 7, status, headers, payload)


def proxy_connection(**rules: object) -> tuple[ProxyConnection, list[str]]:
    complaints: list[str] = []
    return ProxyConnection(CODEC, Rules(**rules), complaints.append), complaints


def test_without_rules_all_bytes_are_passed_on() -> None:
    proxy, complaints = proxy_connection()
    asked = build(REQUEST, payload=b"hello") + build(ONEWAY, 2) + build(HEARTBEAT, 3)
    told = build(RESPONSE, payload=b"hello") + build(RESPONSE, 9, 255) + build(HEARTBEAT_RESPONSE, 3)
    assert proxy.feed(asked, TO_SERVER) == FeedResult(asked, b"")
    assert proxy.feed(told, TO_CLIENT) == FeedResult(told, b"")
    assert (complaints, proxy.stats.ok) == ([], True)


def test_half_a_message_waits_for_the_other_half() -> None:
    proxy, _ = proxy_connection()
    message = build(REQUEST, payload=b"hello")
    assert proxy.feed(message[:10], TO_SERVER) == FeedResult(b"", b"")
    assert proxy.feed(message[10:], TO_SERVER) == FeedResult(message, b"")


def test_rules_for_requests_change_requests_and_oneways() -> None:
    proxy, _ = proxy_connection(request=Mutation(tag="gray", user=None))
    asked = build(REQUEST, user="Zoë") + build(ONEWAY, 2, user="Zoë") + build(HEARTBEAT, 3)
    changed = build(REQUEST, tag="gray") + build(ONEWAY, 2, tag="gray") + build(HEARTBEAT, 3)
    assert proxy.feed(asked, TO_SERVER) == FeedResult(changed, b"")


def test_rules_for_responses_change_responses_and_exceptions() -> None:
    proxy, _ = proxy_connection(response=Mutation(via="relay"))
    told = build(RESPONSE) + build(RESPONSE, 2, 255) + build(HEARTBEAT_RESPONSE, 3)
    changed = build(RESPONSE, via="relay") + build(RESPONSE, 2, 255, via="relay") + build(HEARTBEAT_RESPONSE, 3)
    assert proxy.feed(told, TO_CLIENT) == FeedResult(changed, b"")


def test_rules_do_not_change_requests_of_the_server() -> None:
    proxy, _ = proxy_connection(request=Mutation(tag="gray"), response=Mutation(via="relay"))
    assert proxy.feed(build(REQUEST), TO_CLIENT) == FeedResult(build(REQUEST), b"")
    assert proxy.feed(build(RESPONSE), TO_SERVER) == FeedResult(build(RESPONSE), b"")


def test_a_request_that_cannot_be_read_is_answered_and_does_not_reach_the_server() -> None:
    proxy, complaints = proxy_connection()
    result = proxy.feed(build(REQUEST) + UNREADABLE + build(ONEWAY, 2), TO_SERVER)
    text = "this header ends after the header block (offset 18, field headers)"
    assert result == FeedResult(build(REQUEST) + build(ONEWAY, 2), build(RESPONSE, 5, 5, text.encode()))
    assert complaints == [f"the request at offset 18 to the server, id 5, cannot be read: {text}"]
    assert (proxy.stats.unreadable, proxy.stats.answered, proxy.stats.ok) == (1, 1, False)


def test_an_unreadable_request_that_expects_no_reply_gets_none() -> None:
    proxy, complaints = proxy_connection()
    assert proxy.feed(UNREADABLE_ONEWAY, TO_SERVER) == FeedResult(b"", b"")
    assert len(complaints) == proxy.stats.unreadable == 1


def test_a_response_that_cannot_be_read_is_passed_on_as_it_came() -> None:
    proxy, complaints = proxy_connection(response=Mutation(via="relay"))
    assert proxy.feed(UNREADABLE_RESPONSE, TO_CLIENT) == FeedResult(UNREADABLE_RESPONSE, b"")
    assert (len(complaints), proxy.stats.unreadable, proxy.stats.unchanged) == (1, 1, 0)


def test_a_response_of_the_client_that_cannot_be_read_is_passed_on_as_it_came() -> None:
    proxy, complaints = proxy_connection()
    proxy.feed(build(REQUEST, 5), TO_CLIENT)
    assert proxy.feed(UNREADABLE_RESPONSE, TO_SERVER) == FeedResult(UNREADABLE_RESPONSE, b"")
    text = "this header ends after the header block (offset 18, field headers)"
    assert complaints == [f"the response at offset 0 to the server, id 5, cannot be read: {text}"]
    assert (proxy.stats.unreadable, proxy.stats.answered) == (1, 0)


def test_a_message_that_cannot_be_changed_is_passed_on_and_reported() -> None:
    proxy, complaints = proxy_connection(request=Mutation(cmd="8"))
    assert proxy.feed(build(REQUEST), TO_SERVER) == FeedResult(build(REQUEST), b"")
    reason = "cmd is a field of the message, not an entry"
    assert complaints == [f"the request at offset 0 to the server, id 1, is passed on unchanged: {reason}"]
    assert (proxy.stats.unchanged, proxy.stats.ok) == (1, False)


def test_a_rule_to_reply_answers_the_messages_that_expect_a_reply() -> None:
    proxy, _ = proxy_connection(reply=Error(ErrorType.OVER_LIMIT, "too many calls"))
    asked = build(REQUEST, 1) + build(ONEWAY, 2) + build(HEARTBEAT, 3) + build(REQUEST, 4)
    refused = [build(RESPONSE, request_id, 3, b"too many calls") for request_id in (1, 4)]
    answered = refused[0] + CODEC.build(HEARTBEAT_RESPONSE, 3, 7) + refused[1]
    assert proxy.feed(asked, TO_SERVER) == FeedResult(b"", answered)
    assert (proxy.stats.answered, proxy.stats.ok) == (3, True)


def test_pending_requests_are_answered_when_the_server_is_gone() -> None:
    proxy, _ = proxy_connection()
    proxy.feed(build(REQUEST, 1) + build(REQUEST, 2) + build(HEARTBEAT, 3), TO_SERVER)
    proxy.feed(build(RESPONSE, 1), TO_CLIENT)
    assert proxy.pending == 2
    assert proxy.fail_pending(Error(ErrorType.UPSTREAM_RESET, "gone")).data == build(RESPONSE, 2, 255, b"gone")
    assert (proxy.pending, proxy.fail_pending(Error(ErrorType.UPSTREAM_RESET))) == (0, FailedPending())


def test_messages_before_bad_bytes_are_passed_on() -> None:
    proxy, _ = proxy_connection()
    result = proxy.feed(build(REQUEST) + b"GET /", TO_SERVER)
    assert (result.forward, result.back) == (build(REQUEST), b"")
    assert isinstance(result.error, FramingError)
    assert (result.error.offset, proxy.stats.failed) == (18, 1)


def test_a_connection_on_which_both_sides_send_bad_bytes_is_counted_once() -> None:
    proxy, _ = proxy_connection()
    proxy.feed(b"GET /", TO_SERVER)
    proxy.feed(b"HTTP/1.1 400 Bad Request", TO_CLIENT)
    assert proxy.stats.failed == 1


def test_a_stream_that_ends_inside_a_message_is_an_error() -> None:
    proxy, _ = proxy_connection()
    proxy.feed(build(REQUEST)[:-1], TO_SERVER)
    proxy.eof(TO_CLIENT)
    with pytest.raises(IncompleteMessage):
        proxy.eof(TO_SERVER)


def test_an_exception_of_the_codec_is_the_error_of_the_result() -> None:
    class Broken(AwesomeRpcCodec):
        name = "broken"

        def decode(self, message, direction):
            raise KeyError("cmd")

    result = ProxyConnection(Broken()).feed(build(REQUEST), TO_SERVER)
    assert (result.forward, result.back, type(result.error)) == (b"", b"", KeyError)


def test_a_response_knows_its_request_and_is_completed_before_it_is_changed() -> None:
    seen: list[tuple[int, str]] = []

    class Watching(AwesomeRpcCodec):
        name = "watching"

        def complete(self, response):
            seen.append((response.request.request_id, response.request.properties["user"]))

    proxy = ProxyConnection(Watching())
    proxy.feed(build(REQUEST, 4, user="Zoë"), TO_SERVER)
    proxy.feed(build(RESPONSE, 4) + build(RESPONSE, 5), TO_CLIENT)
    assert seen == [(4, "Zoë")]


def test_reserved_ids_are_passed_on_unchanged() -> None:
    class Reserving(Toy):
        name = "reserving"
        reserved_ids = frozenset({0xFE, 0xFF})

    proxy = ProxyConnection(Reserving(), Rules(request=Mutation(body="61")))
    result = proxy.feed(bytes.fromhex("01 fe 00  01 ff 00  05 fe 00"), TO_SERVER)
    assert result.forward.hex(" ") == "01 fe 01 61 01 ff 01 61 05 fe 00"


def test_a_pending_request_keeps_its_header_only() -> None:
    class Watching(Toy):
        name = "watching"

        def decode(self, message, direction):
            metadata = super().decode(message, direction)
            metadata.trailer_size = min(1, len(message) - 3)
            return metadata

        def complete(self, response):
            request = response.request
            seen.append((request.message.hex(" "), request.body_end, request.body_size, request.properties["body"]))

    seen: list[tuple[str, int, int, str]] = []
    proxy = ProxyConnection(Watching())
    proxy.feed(bytes.fromhex("01 07 02 6162"), TO_SERVER)
    proxy.feed(bytes.fromhex("02 07 02 6162"), TO_CLIENT)
    assert seen == [("01 07 02", 3, 0, "6162")]


def test_messages_are_counted_by_direction_and_type() -> None:
    proxy, _ = proxy_connection()
    proxy.feed(build(REQUEST) + build(REQUEST, 2), TO_SERVER)
    proxy.feed(build(RESPONSE, 1) + build(RESPONSE, 2, 255), TO_CLIENT)
    assert proxy.stats.by_type(TO_SERVER) == {MessageType.REQUEST: 2}
    assert proxy.stats.by_type(TO_CLIENT) == {MessageType.RESPONSE: 1, MessageType.EXCEPTION: 1}
    assert (proxy.stats.count(TO_CLIENT), proxy.stats.size) == (2, {TO_SERVER: 36, TO_CLIENT: 36})
