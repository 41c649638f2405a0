"""Protocols whose replies come in order, and protocols whose responses repeat properties of the request."""

import pytest
from construct import Int8ub, Int16ub, Struct
from toy_rpc import Toy

from metaprotocol_proxy import FeedResult, ProxyConnection, Rules
from metaprotocol_sdk import (
    Codec,
    Correlation,
    DecodeError,
    Direction,
    Error,
    ErrorType,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
)

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


class InOrder(Codec):
    """A length, a kind and a name: `?` asks, `!` answers, `E` is an error; `X` asks and cannot be read."""

    name = "in-order"
    framing = LengthField(0, 2, adjustment=1)
    layout = Layout(Struct("length" / Int16ub, "kind" / Int8ub))
    correlation = Correlation.FIFO
    echoed_properties = frozenset({"name"})

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        kind = message[2:3]
        metadata = Metadata(message, MessageType.REQUEST if kind in b"?X" else MessageType.RESPONSE)
        if kind == b"X":
            metadata.error = DecodeError("X marks the spot", offset=2)
        metadata.properties["name"] = message[3:].decode()
        return metadata

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        name = mutation.get("name")
        return metadata.message if name is None else message(metadata.message[2:3], name)

    def on_error(self, request: Metadata, error: Error) -> bytes:
        return message(b"E", error.type)


def message(kind: bytes, name: str) -> bytes:
    return len(name.encode()).to_bytes(2) + kind + name.encode()


BAD_REQUEST = message(b"E", "bad_request")


def test_a_reply_of_the_relay_waits_for_the_replies_to_earlier_requests() -> None:
    proxy = ProxyConnection(InOrder())
    asked = message(b"?", "a") + message(b"X", "") + message(b"?", "b") + message(b"X", "") + message(b"X", "")
    assert proxy.feed(asked, TO_SERVER) == FeedResult(message(b"?", "a") + message(b"?", "b"), b"")
    assert proxy.feed(message(b"!", "a"), TO_CLIENT).forward == message(b"!", "a") + BAD_REQUEST
    assert proxy.feed(message(b"!", "b"), TO_CLIENT).forward == message(b"!", "b") + 2 * BAD_REQUEST


def test_it_is_sent_at_once_if_no_request_is_pending() -> None:
    proxy = ProxyConnection(InOrder())
    assert proxy.feed(message(b"X", "") + message(b"?", "a"), TO_SERVER) == FeedResult(message(b"?", "a"), BAD_REQUEST)


def test_the_error_replies_keep_their_order_when_the_server_is_gone() -> None:
    proxy = ProxyConnection(InOrder())
    proxy.feed(message(b"?", "a") + message(b"X", "") + message(b"?", "b") + message(b"X", ""), TO_SERVER)
    reset = message(b"E", "upstream_reset")
    assert proxy.fail_pending(Error(ErrorType.UPSTREAM_RESET)).data == reset + BAD_REQUEST + reset + BAD_REQUEST


class OrderedById(Toy):
    name = "ordered-by-id"
    ordered_replies = True


class Serial(Toy):
    name = "serial"
    correlation = Correlation.SERIAL


@pytest.mark.parametrize("codec", [OrderedById(), Serial()])
def test_a_reply_of_the_relay_does_not_overtake_if_the_client_expects_responses_in_order(codec: Toy) -> None:
    proxy = ProxyConnection(codec)
    asked = bytes.fromhex("01 01 00  05 02 00  01 03 01 ff  01 04 00")
    assert proxy.feed(asked, TO_SERVER) == FeedResult(bytes.fromhex("01 01 00  05 02 00  01 04 00"), b"")
    refusal = bytes.fromhex("03 03 0b") + b"bad_request"
    assert proxy.feed(bytes.fromhex("02 01 00"), TO_CLIENT).forward.hex() == "020100"
    assert proxy.feed(bytes.fromhex("06 02 00"), TO_CLIENT).forward == bytes.fromhex("06 02 00") + refusal


def test_it_waits_for_the_oldest_request_although_a_later_one_was_answered() -> None:
    proxy = ProxyConnection(OrderedById())
    proxy.feed(bytes.fromhex("01 01 00  01 02 00  01 03 01 ff"), TO_SERVER)
    assert proxy.feed(bytes.fromhex("02 02 00"), TO_CLIENT).forward.hex() == "020200"
    assert proxy.feed(bytes.fromhex("02 01 00"), TO_CLIENT).forward.endswith(b"bad_request")


def test_with_ids_and_without_order_it_overtakes() -> None:
    class ById(Toy):
        name = "by-id"

    proxy = ProxyConnection(ById())
    assert proxy.feed(bytes.fromhex("01 01 00  01 03 01 ff"), TO_SERVER).back.endswith(b"bad_request")


def test_the_number_of_waiting_replies_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.local_replies.MAX_HELD", 2)
    proxy = ProxyConnection(InOrder())
    result = proxy.feed(message(b"?", "a") + 3 * message(b"X", ""), TO_SERVER)
    assert result.forward == message(b"?", "a")
    assert str(result.error) == "2 replies wait for the server's reply to an earlier request"


def test_a_changed_property_is_restored_in_the_response_that_repeats_it() -> None:
    proxy = ProxyConnection(InOrder(), Rules(request=Mutation(name="new")))
    assert proxy.feed(message(b"?", "old"), TO_SERVER).forward == message(b"?", "new")
    assert proxy.feed(message(b"!", "new"), TO_CLIENT).forward == message(b"!", "old")


def test_a_rule_for_responses_wins_over_the_restored_value() -> None:
    proxy = ProxyConnection(InOrder(), Rules(request=Mutation(name="new"), response=Mutation(name="newest")))
    proxy.feed(message(b"?", "old"), TO_SERVER)
    assert proxy.feed(message(b"!", "new"), TO_CLIENT).forward == message(b"!", "newest")


def test_a_response_without_a_known_request_is_not_changed() -> None:
    proxy = ProxyConnection(InOrder(), Rules(request=Mutation(name="new")))
    assert proxy.feed(message(b"!", "new"), TO_CLIENT).forward == message(b"!", "new")
