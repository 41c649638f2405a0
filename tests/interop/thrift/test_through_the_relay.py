"""Clients and servers that nobody here wrote, with the relay between them that decodes and encodes every message."""

from pathlib import Path
from typing import Any

import pytest
from peers.thrift.clients import call_through_relay
from peers.thrift.programs import Server
from peers.thrift.stacks import CHANGING, COMBINATIONS, MULTIPLEXED, NONSTRICT, Combination
from thrift_recordings import decode_connections, errors, told

pytestmark = pytest.mark.interop

TEXT = "Grüße, 世界 😀𝄞"
# All values that a client can compare, it compares itself.
ANSWERS: dict[str, Any] = {
    "ping": None,
    "greet": f"greet: {TEXT}",
    "museum": f"museum: {TEXT}",
    "mirror": True,
    "reverse": True,
    "nested": True,
    "notify": None,
    "notifications": [TEXT],
    "pipeline": [f"greet: {name}" for name in "abcdefgh"],
}
PIPELINING = ("node", "go")
# A client that connects for every call cannot know when its oneway call has arrived.
CALLS = ["notify", "ping", "greet", "mirror", "reverse", "nested", "refuse", "fail", "headers", "notifications"]

# What a server answers when a method throws what it does not declare.
FAILURES = {
    "python": (6, "Internal error"),
    "thriftpy2": (6, "by request"),
    "node": (0, "by request"),
    "go": (6, "Internal error processing fail: by request"),
    "java": (6, "Internal error processing fail"),
    "cpp": (0, "by request"),
}
# Node reads booleans in containers of the compact protocol as false, and in JSON loses a key after an empty list.
UNFAITHFUL = {("node", "compact"), ("node", "json")}

# Version and type, with which a call begins.
MARKS = {"binary": bytes.fromhex("80010001"), "compact": bytes.fromhex("8221")}


def possible_calls(combination: Combination) -> list[str]:
    """Return what a client can call."""
    calls = list(CALLS)
    if (combination.client, combination.stack.protocol) == ("thriftpy2", "json"):
        calls.remove("mirror")  # it writes empty lists without the type of their elements
    # Node's THeader forgets the second of two messages that come at once.
    if combination.client in PIPELINING and (combination.server != "node" or not combination.stack.has_headers):
        calls.append("pipeline")
    return calls


def expected(combination: Combination, calls: list[str]) -> dict[str, dict[str, Any]]:
    """Return what should come of calls of a client."""
    outcomes = {call: {"outcome": "ok", "result": ANSWERS.get(call)} for call in calls}
    if {
        (combination.client, combination.stack.protocol),
        (combination.server, combination.stack.protocol),
    } & UNFAITHFUL:
        outcomes.get("mirror", {})["result"] = False
    if "refuse" in calls:
        outcomes["refuse"] = {"outcome": "Refused", "result": [42, "refused by request", ["here", "there"]]}
    if "fail" in calls:
        kind, text = FAILURES[combination.server]
        outcomes["fail"] = {"outcome": "TApplicationException", "type": kind, "text": text}
    if "headers" in calls:
        outcomes["headers"]["result"] = {"client": combination.client} if combination.stack.has_headers else {}
    return outcomes


def check(combination: Combination, server: Server, folder: Path, calls: list[str]) -> None:
    """Make calls through the relay, and compare what came of them and what was recorded with what the client said."""
    said = call_through_relay(combination, server, folder, calls)
    outcomes = {
        call: {name: value for name, value in outcome.items() if name != "headers"}
        for call, outcome in said.outcomes.items()
    }
    assert outcomes == expected(combination, calls)
    requests, replies = decode_connections(folder)
    assert told(requests) == said.sent
    assert told(replies) == said.received
    assert errors(replies) == [
        (outcome["type"], outcome["text"])
        for outcome in said.outcomes.values()
        if outcome["outcome"] == "TApplicationException"
    ]


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_every_call_gets_its_answer_and_every_message_is_what_the_client_says_it_is(combination, server, tmp_path):
    check(combination, server, tmp_path, possible_calls(combination))


@pytest.mark.parametrize("combination", NONSTRICT, ids=str)
def test_binary_messages_without_a_version_are_understood(combination, server, tmp_path):
    check(combination, server, tmp_path, CALLS)


@pytest.mark.parametrize("combination", MULTIPLEXED, ids=str)
def test_services_that_share_a_connection_are_told_apart(combination, server, tmp_path):
    check(combination, server, tmp_path, ["greet", "museum", "refuse", "ping"])


@pytest.mark.parametrize("combination", CHANGING, ids=str)
def test_peers_that_change_the_protocol_within_a_connection_are_followed(combination, server, tmp_path):
    check(combination, server, tmp_path, ["ping", "greet", "mirror", "fail", "nested"])
    first, *_, last = (metadata.message for metadata in decode_connections(tmp_path)[0])
    assert MARKS[combination.stack.protocol] in first
    assert MARKS[combination.server_stack.protocol] in last
