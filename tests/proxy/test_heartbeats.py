"""Heartbeats on their way through a relay."""

import pytest
from toy_rpc import Toy

from metaprotocol_proxy import FeedResult, ProxyConnection, Rules
from metaprotocol_sdk import Correlation, Direction, Error, ErrorType, MessageType, Mutation

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
HEARTBEAT, RESPONSE = bytes.fromhex("05 01 00"), bytes.fromhex("02 01 00")


class ById(Toy):
    name = "by-id"


class InOrder(Toy):
    name = "in-order"
    correlation = Correlation.FIFO


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_a_response_to_a_heartbeat_is_a_heartbeat(codec: Toy) -> None:
    proxy = ProxyConnection(codec, Rules(response=Mutation(body="6161")))
    proxy.feed(HEARTBEAT + bytes.fromhex("01 02 00"), TO_SERVER)
    answered = proxy.feed(RESPONSE + bytes.fromhex("02 02 00"), TO_CLIENT).forward
    assert answered.hex(" ") == "02 01 00 02 02 02 61 61"
    assert proxy.stats.by_type(TO_CLIENT) == {MessageType.HEARTBEAT: 1, MessageType.RESPONSE: 1}


def test_a_heartbeat_of_the_server_may_be_answered_by_a_response_too() -> None:
    proxy = ProxyConnection(ById())
    proxy.feed(HEARTBEAT, TO_CLIENT)
    assert proxy.feed(RESPONSE, TO_SERVER) == FeedResult(RESPONSE, b"")
    assert proxy.stats.by_type(TO_SERVER) == {MessageType.HEARTBEAT: 1}


def test_a_pending_heartbeat_gets_no_error_reply_when_the_server_is_gone() -> None:
    proxy = ProxyConnection(ById())
    proxy.feed(HEARTBEAT, TO_SERVER)
    failed = proxy.fail_pending(Error(ErrorType.TIMEOUT))
    assert (failed.data, failed.consequence) == (b"", "")


def test_a_rule_to_reply_answers_a_heartbeat_with_its_own_reply() -> None:
    proxy = ProxyConnection(ById(), Rules(reply=Error(ErrorType.TIMEOUT)))
    assert proxy.feed(HEARTBEAT, TO_SERVER) == FeedResult(b"", bytes.fromhex("06 01 00"))
