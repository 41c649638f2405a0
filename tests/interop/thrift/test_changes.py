"""The relay changes calls and answers, and clients and servers by others read them."""

import pytest
from peers.thrift.clients import call_through_relay
from peers.thrift.stacks import COMBINATIONS, MULTIPLEXED, NONSTRICT

pytestmark = pytest.mark.interop

# These refuse an answer that names another method than they called.
STRICT_CLIENTS = ("go", "cpp")
RENAMED = [c for c in [*COMBINATIONS, *NONSTRICT, *MULTIPLEXED] if c.client in STRICT_CLIENTS]
MISNAMED = [c for c in COMBINATIONS if str(c.stack) == "binary-framed"]
WITH_HEADERS = [c for c in COMBINATIONS if c.stack.has_headers]
TEXT = "Grüße, 世界 😀𝄞"
UNKNOWN, UNKNOWN_METHOD = 0, 1


@pytest.mark.parametrize("combination", RENAMED, ids=str)
def test_a_call_is_renamed_and_its_answer_gets_the_name_back(combination, server, tmp_path):
    said = call_through_relay(combination, server, tmp_path, ["greet"], set={"method": "salute"})
    assert said.outcomes["greet"]["result"] == f"salute: {TEXT}"
    assert [message.method for message in said.received] == ["greet"]


@pytest.mark.parametrize("combination", MISNAMED, ids=str)
def test_a_call_renamed_to_what_nobody_serves_fails_under_its_own_name(combination, server, tmp_path):
    said = call_through_relay(combination, server, tmp_path, ["greet"], set={"method": "missing"})
    assert said.outcomes["greet"]["outcome"] == "TApplicationException"
    assert said.outcomes["greet"]["type"] == (UNKNOWN if combination.server == "node" else UNKNOWN_METHOD)
    assert [message.method for message in said.received] == ["greet"]


@pytest.mark.parametrize("combination", WITH_HEADERS, ids=str)
def test_the_server_sees_the_headers_that_the_relay_sets_and_not_those_that_it_removes(combination, server, tmp_path):
    said = call_through_relay(
        combination, server, tmp_path, ["ping", "headers", "mirror"], set={"mesh": "grün"}, remove=["client"]
    )
    assert said.outcomes["headers"]["result"] == {"mesh": "grün"}


@pytest.mark.parametrize("combination", WITH_HEADERS, ids=str)
def test_the_client_sees_the_headers_that_the_relay_sets_in_answers(combination, server, tmp_path):
    said = call_through_relay(combination, server, tmp_path, ["ping", "fail"], set_response={"answered by": "mesh"})
    assert [outcome["headers"] for outcome in said.outcomes.values()] == [{"answered by": "mesh"}] * 2
