"""The pairing of responses with requests."""

import pytest
from toy_protocols import OpaqueCodec

from metaprotocol_proxy import Correlator
from metaprotocol_proxy.correlator import MAX_PENDING_SIZE
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


def answers(correlator: Correlator, *request_ids: int) -> list[str]:
    """Return the operation of the request that each response answers, or "?"."""
    found = []
    for request_id in request_ids:
        answer = response(request_id)
        correlator.correlate(answer, TO_CLIENT)
        found.append("?" if answer.request is None else answer.operation)
    return found


def test_ids_pair_responses_that_overtake_each_other() -> None:
    correlator = Correlator(ById())
    for request_id in (7, 8, 9):
        correlator.correlate(request(request_id, f"call {request_id}"), TO_SERVER)
    assert answers(correlator, 9, 7, 8, 8) == ["call 9", "call 7", "call 8", "?"]


def test_without_ids_the_first_response_answers_the_first_request() -> None:
    correlator = Correlator(InOrder())
    for number in range(3):
        correlator.correlate(request(0, f"call {number}"), TO_SERVER)
    assert answers(correlator, 0, 0, 0, 0) == ["call 0", "call 1", "call 2", "?"]


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_both_sides_may_send_requests_with_the_same_id(codec: ById) -> None:
    correlator = Correlator(codec)
    correlator.correlate(request(0, "from the client"), TO_SERVER)
    correlator.correlate(request(0, "from the server"), TO_CLIENT)
    to_client, to_server = response(), response()
    correlator.correlate(to_client, TO_CLIENT)
    correlator.correlate(to_server, TO_SERVER)
    assert (to_client.operation, to_server.operation) == ("from the client", "from the server")


@pytest.mark.parametrize("message_type", [MessageType.EVENT, MessageType.ONEWAY, MessageType.STREAM_DATA])
def test_a_message_that_is_not_an_answer_is_not_paired(message_type: MessageType) -> None:
    correlator = Correlator(InOrder())
    correlator.correlate(request(0, "call"), TO_SERVER)
    correlator.correlate(Metadata(b"", message_type), TO_CLIENT)
    assert (correlator.pending(TO_SERVER), answers(correlator, 0)) == (1, ["call"])


def test_the_time_from_request_to_response_is_returned_if_both_times_are_known() -> None:
    correlator = Correlator(ById())
    correlator.correlate(request(1), TO_SERVER, 1_000)
    correlator.correlate(request(2), TO_SERVER)
    assert [
        correlator.correlate(response(1), TO_CLIENT, 3_500),
        correlator.correlate(response(2), TO_CLIENT, 4_000),
    ] == [2_500, None]


def test_requests_with_one_id_are_answered_in_their_order() -> None:
    correlator = Correlator(ById())
    for operation in ("first", "second"):
        correlator.correlate(request(0, operation), TO_SERVER)
    assert (correlator.pending(TO_SERVER), answers(correlator, 0, 0, 0)) == (2, ["first", "second", "?"])
    assert correlator.pending(TO_SERVER) == 0


@pytest.mark.parametrize(
    ("codec", "found"), [(ById(), ["?", "call 1", "call 2"]), (InOrder(), ["?", "call 1", "call 2"])]
)
def test_the_oldest_of_too_many_pending_requests_is_forgotten(codec, found, monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.correlator.MAX_PENDING", 2)
    correlator = Correlator(codec)
    for request_id in range(3):
        correlator.correlate(request(request_id, f"call {request_id}"), TO_SERVER)
    assert answers(correlator, 0, 1, 2) == found
    assert correlator.pending(TO_SERVER) == 0


def test_pending_requests_hold_a_bounded_number_of_bytes(monkeypatch) -> None:
    monkeypatch.setattr("metaprotocol_proxy.correlator.MAX_PENDING_SIZE", 100)
    correlator = Correlator(ById())
    for request_id in range(4):
        large = request(request_id, f"call {request_id}")
        large.properties["key"] = "x" * 40
        correlator.correlate(large, TO_SERVER)
    assert answers(correlator, 0, 1, 2, 3) == ["?", "?", "call 2", "call 3"]


def test_one_request_is_remembered_however_large_it_is() -> None:
    correlator = Correlator(ById())
    correlator.correlate(Metadata(bytes(MAX_PENDING_SIZE + 1), MessageType.REQUEST, 1, "large"), TO_SERVER)
    assert answers(correlator, 1) == ["large"]


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_pending_requests_are_removed_oldest_first(codec: ById) -> None:
    correlator = Correlator(codec)
    for request_id in (5, 3, 4):
        correlator.correlate(request(request_id), TO_SERVER)
    correlator.correlate(request(9), TO_CLIENT)
    removed = []
    while (oldest := correlator.pop_oldest(TO_SERVER)) is not None:
        number, metadata = oldest
        removed.append((number, metadata.request_id))
    assert removed == [(0, 5), (1, 3), (2, 4)]
    assert (correlator.pending(TO_SERVER), correlator.pending(TO_CLIENT)) == (0, 1)


@pytest.mark.parametrize("codec", [ById(), InOrder()])
def test_the_oldest_pending_request_is_known_by_its_number(codec: ById) -> None:
    correlator = Correlator(codec)
    seen = [correlator.oldest_number(TO_SERVER)]
    for request_id in (5, 3):
        correlator.correlate(request(request_id), TO_SERVER)
    for request_id in (5, 3):
        seen.append(correlator.oldest_number(TO_SERVER))
        correlator.correlate(response(request_id), TO_CLIENT)
    seen.append(correlator.oldest_number(TO_SERVER))
    assert seen == [0, 0, 1, 2]
    assert correlator.next_number(TO_SERVER) == 2


def test_a_response_that_does_not_fit_its_request_is_unreadable() -> None:
    class Strict(ById):
        name = "strict"

        def complete(self, response: Metadata) -> None:
            raise DecodeError("not an answer to this request", offset=2)

    correlator = Correlator(Strict())
    correlator.correlate(request(1), TO_SERVER)
    answer = response(1)
    correlator.correlate(answer, TO_CLIENT)
    assert str(answer.error) == "not an answer to this request (offset 2)"
