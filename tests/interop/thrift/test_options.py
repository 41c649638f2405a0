"""A relay that is told which transport and protocol to expect, instead of looking at every message."""

import pytest
from peers.thrift.clients import call_through_relay
from peers.thrift.stacks import COMBINATIONS, Combination
from thrift_recordings import decode_connections, told

pytestmark = pytest.mark.interop

NAMES = {"buffered": "unframed", "framed": "framed", "header": "header", "header+zlib": "header"}
ONE_OF_EACH = list({combination.stack: combination for combination in COMBINATIONS}.values())
CALLS = ["ping", "greet", "nested", "refuse"]


def options(combination: Combination) -> list[str]:
    return [f"transport={NAMES[combination.stack.transport]}", f"protocol={combination.stack.protocol}"]


@pytest.mark.parametrize("combination", ONE_OF_EACH, ids=str)
def test_calls_get_their_answers_when_transport_and_protocol_are_pinned(combination, server, tmp_path):
    said = call_through_relay(combination, server, tmp_path, CALLS, options=options(combination))
    assert [outcome["outcome"] for outcome in said.outcomes.values()] == ["ok", "ok", "ok", "Refused"]
    requests, replies = decode_connections(tmp_path)
    assert (told(requests), told(replies)) == (said.sent, said.received)


@pytest.mark.parametrize("combination", ONE_OF_EACH, ids=str)
def test_calls_are_renamed_when_frames_are_trusted(combination, server, tmp_path):
    changes = {"options": ["trust_frames=true"], "set": {"method": "salute"}}
    said = call_through_relay(combination, server, tmp_path, ["greet"], **changes)
    assert said.outcomes["greet"]["result"].startswith("salute: ")
    assert [message.method for message in said.received] == ["greet"]
