"""Rules that apply to some requests only, and to the responses of these."""

import pytest

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_proxy import FeedResult, ProxyConnection, Rules
from metaprotocol_sdk import Direction, Error, ErrorType, MessageDecoder, Mutation

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
CODEC = AwesomeRpcCodec()
REQUEST, RESPONSE, ONEWAY, HEARTBEAT = range(4)


def build(kind: int, request_id: int = 1, command: int = 7, status: int = 0, **headers: str) -> bytes:
    return CODEC.build(kind, request_id, command, status, headers, b"")


def changes(when: dict[str, str], request: bytes) -> bool:
    """Return True if a change that is limited to `when` reaches the request."""
    result = ProxyConnection(CODEC, Rules(request=Mutation(tag="gray"), when=when)).feed(request, TO_SERVER)
    return result.forward != request


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"user": "Zoë"}, True),
        ({"user": "Zo*"}, True),
        ({"user": "*"}, True),
        ({"cmd": "7", "user": "Zoë"}, True),
        ({"operation": "greet/7"}, True),
        ({"operation": "greet/*"}, True),
        ({"user": "Zo"}, False),
        ({"user": "zoë"}, False),
        ({"cmd": "8", "user": "Zoë"}, False),
        ({"tag": "*"}, False),
        ({"operation": "greet"}, False),
    ],
)
def test_a_request_must_have_every_property(when: dict[str, str], expected: bool) -> None:
    assert changes(when, build(REQUEST, service="greet", user="Zoë")) is expected


def test_a_property_called_operation_comes_before_the_operation() -> None:
    request = build(REQUEST, service="greet", operation="mine")
    assert changes({"operation": "mine"}, request)
    assert not changes({"operation": "greet/7"}, request)


def test_a_response_is_changed_if_its_request_is_chosen() -> None:
    proxy = ProxyConnection(CODEC, Rules(response=Mutation(via="relay"), when={"cmd": "7"}))
    proxy.feed(build(REQUEST, 1, 7) + build(REQUEST, 2, 8), TO_SERVER)
    told = build(RESPONSE, 2, 8) + build(RESPONSE, 1, 7) + build(RESPONSE, 9, 7)
    changed = build(RESPONSE, 2, 8) + build(RESPONSE, 1, 7, via="relay") + build(RESPONSE, 9, 7)
    assert proxy.feed(told, TO_CLIENT) == FeedResult(changed, b"")


def test_a_change_of_the_chosen_property_does_not_hide_the_response() -> None:
    rules = Rules(request=Mutation(user="relay"), response=Mutation(via="relay"), when={"user": "Zoë"})
    proxy = ProxyConnection(CODEC, rules)
    assert proxy.feed(build(REQUEST, user="Zoë"), TO_SERVER).forward == build(REQUEST, user="relay")
    assert proxy.feed(build(RESPONSE), TO_CLIENT).forward == build(RESPONSE, via="relay")


def test_only_chosen_requests_are_answered_and_the_others_reach_the_server() -> None:
    proxy = ProxyConnection(CODEC, Rules(reply=Error(ErrorType.TIMEOUT), when={"cmd": "7"}))
    others = build(REQUEST, 2, 8) + build(HEARTBEAT, 3, 7) + build(RESPONSE, 4, 7)
    result = proxy.feed(build(REQUEST, 1, 7) + others + build(ONEWAY, 5, 7), TO_SERVER)
    assert result.forward == others
    (answer,) = MessageDecoder(CODEC, TO_CLIENT).feed(result.back)
    assert (answer.request_id, answer.status_code) == (1, 4)
    assert proxy.stats.answered == 1
