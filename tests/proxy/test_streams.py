"""Streams on their way through a relay."""

import pytest
from toy_rpc import ToyStreams

from metaprotocol_proxy import FailedPending, FeedResult, ProxyConnection, Rules
from metaprotocol_sdk import Correlation, Direction, Error, ErrorType, MessageType, Metadata, Mutation

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
GONE = Error(ErrorType.TIMEOUT)
TIMEOUT = b"timeout".hex()
OPEN, ACCEPT = bytes.fromhex("10 05 00"), bytes.fromhex("10 05 00")


class Streams(ToyStreams):
    name = "streams"


class InOrder(ToyStreams):
    name = "streams-in-order"
    correlation = Correlation.FIFO


def fed(proxy: ProxyConnection, direction: Direction, text: str) -> FeedResult:
    return proxy.feed(bytes.fromhex(text), direction)


def test_every_type_passes_in_both_directions() -> None:
    proxy = ProxyConnection(Streams())
    opened = "10 05 01 61  11 05 01 62  12 05 01 63  13 05 00"
    answered = "10 05 01 61  11 05 01 62  12 05 01 63  14 05 00"
    assert fed(proxy, TO_SERVER, opened).forward == bytes.fromhex(opened)
    assert fed(proxy, TO_CLIENT, answered).forward == bytes.fromhex(answered)
    assert proxy.fail_pending(GONE) == FailedPending()


def test_rules_change_the_messages_that_open_a_stream_and_answer_it() -> None:
    proxy = ProxyConnection(Streams(), Rules(request=Mutation(body="6161"), response=Mutation(body="6262")))
    assert fed(proxy, TO_SERVER, "10 05 00  11 05 00  12 05 00").forward.hex(" ") == "10 05 02 61 61 11 05 00 12 05 00"
    assert fed(proxy, TO_CLIENT, "10 05 00  11 05 00  12 05 00").forward.hex(" ") == "10 05 02 62 62 11 05 00 12 05 00"


def test_the_answer_to_a_stream_knows_what_opened_it() -> None:
    seen = []

    class Completing(ToyStreams):
        name = "completing"

        def complete(self, response: Metadata) -> None:
            seen.append((response.message_type, response.request.properties["body"]))

    proxy = ProxyConnection(Completing())
    fed(proxy, TO_SERVER, "10 05 01 aa  10 06 01 bb")
    fed(proxy, TO_CLIENT, "10 06 00  11 06 00  10 05 00")
    assert seen == [(MessageType.STREAM_INIT, "bb"), (MessageType.STREAM_INIT, "aa")]


@pytest.mark.parametrize("codec", [Streams(), InOrder()])
def test_streams_do_not_take_the_responses_of_requests(codec: ToyStreams) -> None:
    proxy = ProxyConnection(codec)
    fed(proxy, TO_SERVER, "10 05 00  01 01 00  18 06 00")
    assert proxy.pending == 1
    fed(proxy, TO_CLIENT, "10 05 00  11 05 00  12 06 00  14 06 00")
    assert proxy.pending == 1
    fed(proxy, TO_CLIENT, "02 01 00")
    assert proxy.pending == 0


@pytest.mark.parametrize(
    ("to_server", "to_client", "replies"),
    [
        ("10 05 00", "10 05 00", "14 05 07" + TIMEOUT),
        ("10 05 00", "", "19 05 07" + TIMEOUT),
        ("18 05 00", "", "14 05 07" + TIMEOUT),
        ("10 05 00", "10 05 00  13 05 00", "14 05 07" + TIMEOUT),
        ("10 05 00  13 05 00", "10 05 00", "14 05 07" + TIMEOUT),
        ("10 05 00  13 05 00", "10 05 00  13 05 00", ""),
        ("10 05 00", "10 05 00  14 05 00", ""),
        ("10 05 00  14 05 00", "", ""),
        ("10 05 00", "19 05 00", ""),
        ("10 05 00", "1a 05 00", ""),
        ("10 05 00", "10 05 00  1a 05 00", "14 05 07" + TIMEOUT),
        ("10 05 00", "03 05 00", "19 05 07" + TIMEOUT),
        ("10 05 00  13 05 00  13 05 00", "10 05 00", "14 05 07" + TIMEOUT),
        ("10 05 00  10 06 00  01 01 00", "10 06 00", f"03 01 07 {TIMEOUT} 19 05 07 {TIMEOUT} 14 06 07 {TIMEOUT}"),
    ],
    ids=[
        "accepted",
        "not answered yet",
        "opened without an answer",
        "half-closed by the server",
        "half-closed by the client",
        "half-closed by both",
        "closed by the server",
        "closed by the client",
        "refused",
        "refused by an exception",
        "an exception after the answer",
        "an exception with another id",
        "half-closed by the client twice",
        "several, and a request",
    ],
)
def test_the_client_is_told_of_its_open_streams_when_the_server_is_gone(
    to_server: str, to_client: str, replies: str
) -> None:
    proxy = ProxyConnection(Streams())
    fed(proxy, TO_SERVER, to_server)
    fed(proxy, TO_CLIENT, to_client)
    assert proxy.fail_pending(GONE).data.hex() == bytes.fromhex(replies).hex()
    assert proxy.fail_pending(GONE) == FailedPending()


def test_lost_requests_and_streams_are_counted() -> None:
    proxy = ProxyConnection(Streams())
    fed(proxy, TO_SERVER, "01 01 00  10 05 00  18 06 00")
    failed = proxy.fail_pending(GONE)
    assert (failed.requests, failed.answered, failed.streams) == (2, 2, 1)
    assert failed.consequence == "left 2 of the client's requests without an answer and 1 of its streams open"


def test_a_stream_that_cannot_be_read_is_refused_and_its_messages_do_not_reach_the_server() -> None:
    proxy = ProxyConnection(Streams())
    result = fed(proxy, TO_SERVER, "10 05 01 ff  11 05 00  11 06 00  14 05 00  10 05 00  11 05 00")
    assert result.back == bytes.fromhex("19 05 0b") + b"bad_request"
    assert result.forward == bytes.fromhex("11 06 00  10 05 00  11 05 00")


def test_the_number_of_refused_streams_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.local_replies.MAX_HELD", 2)
    proxy = ProxyConnection(Streams())
    fed(proxy, TO_SERVER, "10 05 01 ff  10 06 01 ff  10 07 01 ff")
    assert fed(proxy, TO_SERVER, "11 05 00  11 07 00").forward.hex() == "110500"


def test_a_rule_to_reply_refuses_streams() -> None:
    proxy = ProxyConnection(Streams(), Rules(reply=GONE))
    result = fed(proxy, TO_SERVER, "10 05 00  11 05 00  18 06 00  12 06 00")
    assert result.forward == b""
    assert result.back.hex() == f"190507{TIMEOUT}140607{TIMEOUT}"


def test_the_number_of_open_streams_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.correlator.MAX_PENDING", 2)
    proxy = ProxyConnection(Streams())
    fed(proxy, TO_SERVER, "18 05 00  18 06 00  18 07 00")
    assert proxy.fail_pending(GONE).data.hex() == f"140607{TIMEOUT}140707{TIMEOUT}"


def test_open_streams_hold_a_bounded_number_of_bytes(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.correlator.MAX_PENDING_SIZE", 100)
    proxy = ProxyConnection(Streams())
    for stream_id in range(4):
        proxy.feed(bytes([0x18, stream_id, 20]) + bytes(20), TO_SERVER)
    assert proxy.fail_pending(GONE).streams == 2


def test_a_stream_id_may_be_opened_again(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.correlator.MAX_PENDING_SIZE", 100)
    proxy = ProxyConnection(Streams())
    fed(proxy, TO_SERVER, "18 06 00" + 20 * "18 05 00")
    assert proxy.fail_pending(GONE).data.hex() == f"140607{TIMEOUT}140507{TIMEOUT}"
