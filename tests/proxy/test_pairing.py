"""Which request a response answers."""

import pytest
from toy_protocols import OpaqueCodec

from metaprotocol_proxy import Pairing, pairing
from metaprotocol_sdk import Correlation, DecodeError, Direction, LengthField, MessageType, Metadata

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT


class ById(OpaqueCodec):
    name = "by-id"
    framing = LengthField(0, 2)

    def complete(self, response: Metadata) -> None:
        response.operation = response.request.operation


class InOrder(ById):
    name = "in-order"
    correlation = Correlation.FIFO


def request(request_id: int = 0, operation: str = "") -> Metadata:
    return Metadata(b"\0\3abc", MessageType.REQUEST, request_id, operation)


def response(request_id: int = 0) -> Metadata:
    return Metadata(b"\0\3abc", MessageType.RESPONSE, request_id)


def answers(pairs: Pairing, *request_ids: int) -> list[str]:
    """Return the operation of the request that each response answers, or "?"."""
    found = []
    for request_id in request_ids:
        answer = response(request_id)
        pairs.take(answer, TO_CLIENT)
        found.append("?" if answer.request is None else answer.operation)
    return found


def test_ids_pair_answers_that_overtake_each_other() -> None:
    pairs = Pairing(ById())
    for request_id in (7, 8, 9):
        pairs.take(request(request_id, f"call {request_id}"), TO_SERVER)
    assert answers(pairs, 9, 7, 8, 8) == ["call 9", "call 7", "call 8", "?"]


def test_without_ids_the_first_question_gets_the_first_answer() -> None:
    pairs = Pairing(InOrder())
    for number in range(3):
        pairs.take(request(0, f"call {number}"), TO_SERVER)
    assert answers(pairs, 0, 0, 0, 0) == ["call 0", "call 1", "call 2", "?"]


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_both_sides_may_ask_with_the_same_id(codec: ById) -> None:
    pairs = Pairing(codec)
    pairs.take(request(0, "from the client"), TO_SERVER)
    pairs.take(request(0, "from the server"), TO_CLIENT)
    to_client, to_server = response(), response()
    pairs.take(to_client, TO_CLIENT)
    pairs.take(to_server, TO_SERVER)
    assert (to_client.operation, to_server.operation) == ("from the client", "from the server")


@pytest.mark.parametrize("message_type", [MessageType.EVENT, MessageType.ONEWAY, MessageType.STREAM_DATA])
def test_what_is_no_answer_takes_no_question(message_type: MessageType) -> None:
    pairs = Pairing(InOrder())
    pairs.take(request(0, "call"), TO_SERVER)
    pairs.take(Metadata(b"", message_type), TO_CLIENT)
    assert (pairs.waiting(TO_SERVER), answers(pairs, 0)) == (1, ["call"])


def test_the_time_to_the_answer_is_known_where_both_times_are() -> None:
    pairs = Pairing(ById())
    pairs.take(request(1), TO_SERVER, 1_000)
    pairs.take(request(2), TO_SERVER)
    assert [pairs.take(response(1), TO_CLIENT, 3_500), pairs.take(response(2), TO_CLIENT, 4_000)] == [2_500, None]


def test_requests_of_one_id_are_answered_in_their_order() -> None:
    pairs = Pairing(ById())
    for operation in ("first", "second"):
        pairs.take(request(0, operation), TO_SERVER)
    assert (pairs.waiting(TO_SERVER), answers(pairs, 0, 0, 0)) == (2, ["first", "second", "?"])
    assert pairs.waiting(TO_SERVER) == 0


@pytest.mark.parametrize(
    ("codec", "found"), [(ById(), ["?", "call 1", "call 2"]), (InOrder(), ["?", "call 1", "call 2"])]
)
def test_of_too_many_waiting_requests_the_oldest_is_forgotten(codec, found, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "MAX_WAITING", 2)
    pairs = Pairing(codec)
    for request_id in range(3):
        pairs.take(request(request_id, f"call {request_id}"), TO_SERVER)
    assert answers(pairs, 0, 1, 2) == found
    assert pairs.waiting(TO_SERVER) == 0


def test_waiting_requests_hold_on_to_a_bounded_number_of_bytes(monkeypatch) -> None:
    monkeypatch.setattr(pairing, "MAX_WAITING_SIZE", 100)
    pairs = Pairing(ById())
    for request_id in range(4):
        large = request(request_id, f"call {request_id}")
        large.properties["key"] = "x" * 40
        pairs.take(large, TO_SERVER)
    assert answers(pairs, 0, 1, 2, 3) == ["?", "?", "call 2", "call 3"]


def test_one_request_is_remembered_however_large() -> None:
    pairs = Pairing(ById())
    pairs.take(Metadata(bytes(pairing.MAX_WAITING_SIZE + 1), MessageType.REQUEST, 1, "large"), TO_SERVER)
    assert answers(pairs, 1) == ["large"]


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_requests_that_are_given_up_come_oldest_first_and_wait_no_longer(codec: ById) -> None:
    pairs = Pairing(codec)
    for request_id in (5, 3, 4):
        pairs.take(request(request_id), TO_SERVER)
    pairs.take(request(9), TO_CLIENT)
    assert [given_up.request_id for given_up in pairs.give_up(TO_SERVER)] == [5, 3, 4]
    assert (pairs.waiting(TO_SERVER), pairs.waiting(TO_CLIENT), pairs.give_up(TO_SERVER)) == (0, 1, [])


def test_a_response_that_does_not_fit_its_request_is_unreadable() -> None:
    class Strict(ById):
        name = "strict"

        def complete(self, response: Metadata) -> None:
            raise DecodeError("not what was asked for", offset=2)

    pairs = Pairing(Strict())
    pairs.take(request(1), TO_SERVER)
    answer = response(1)
    pairs.take(answer, TO_CLIENT)
    assert str(answer.error) == "not what was asked for (offset 2)"
