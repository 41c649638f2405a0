"""Kinds of protocols that no codec of ours has yet: the kit knows them too."""

import pytest
from toys.ledger import LedgerCodec
from toys.resp import RespCodec
from toys.session import ParleyCodec
from toys.streams import BraidCodec

from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing import EFFORTS, Report, Subject, Tier, Verdict, catalogue, check

GOOD = [RespCodec, LedgerCodec, ParleyCodec, BraidCodec]
COST = [found.id for found in catalogue() if found.tier is Tier.COST]
OTHERS = [found.id for found in catalogue() if found.tier is not Tier.COST]


@pytest.fixture(scope="module", params=GOOD)
def report(request) -> Report:
    return check(Subject(request.param, effort=EFFORTS["quick"]), OTHERS, stop=False)


def verdicts(report: Report) -> dict[str, Verdict]:
    return {result.property.id: result.verdict for result in report.results}


def test_a_good_codec_of_any_kind_fails_nothing(report: Report) -> None:
    assert {result.property.id: result.diagnosis for result in report.bad(strict=True)} == {}


@pytest.mark.mutants  # it takes seconds, and is the other side of the mutants of cost
@pytest.mark.parametrize("codec", GOOD)
def test_a_good_codec_of_any_kind_costs_what_it_should(codec) -> None:
    report = check(Subject(codec, effort=EFFORTS["quick"]), COST, stop=False)
    assert {result.property.id: result.diagnosis for result in report.bad(strict=True)} == {}


def test_a_history_of_its_connections_was_tried(report: Report) -> None:
    assert verdicts(report)["MP-CONNECTION-002"] is Verdict.HOLDS


def test_answers_in_order_are_paired_with_their_questions_and_pushes_with_none() -> None:
    answered = {case.data: case.request for case in Subject(RespCodec).samples if case.request}
    assert {answer[:5]: question[8:12] for answer, question in answered.items()} == {
        b"+PONG": b"PING",
        b"-ERR ": b"SET\r",
        b"$5\r\nh": b"GET\r",
    }


def test_a_codec_whose_responses_need_their_requests_is_completed_with_them() -> None:
    report = check(Subject(LedgerCodec), ["MP-COMPLETE-001"])
    assert verdicts(report) == {"MP-COMPLETE-001": Verdict.HOLDS}


def test_a_message_that_needs_those_before_it_gets_them() -> None:
    subject = Subject(ParleyCodec)
    assert all(subject.receive(case)[1] is not None for case in subject.samples)
    assert {len(case.before) for case in subject.samples} == {0, 1, 2, 3, 4}


def test_the_messages_of_streams_satisfy_the_claim() -> None:
    report = check(Subject(BraidCodec), ["MP-MESSAGE-006"])
    assert verdicts(report) == {"MP-MESSAGE-006": Verdict.HOLDS}


def test_of_what_was_sent_before_a_failure_shows_only_what_it_needs() -> None:
    class AnswersNothing(ParleyCodec):
        def on_error(self, request, error):
            return b""

    (result,) = check(Subject(AnswersNothing, effort=EFFORTS["quick"]), ["MP-REPLY-001"]).bad()
    greeting = (Direction.TO_CLIENT, b"\x08\0\0Hlatin-1")
    assert result.case is not None
    assert (result.case.data, result.case.before) == (b"\1\0\0Q", (greeting,))
