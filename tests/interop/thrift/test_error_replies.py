"""Clients by others raise what the relay answers in the server's place."""

from collections.abc import Callable, Iterator

import pytest
from peers.thrift.clients import Message, run_client
from peers.thrift.stacks import COMBINATIONS, MULTIPLEXED, NONSTRICT, Stack
from relay import RunningRelay, running_relay

from metaprotocol_sdk import ErrorType

pytestmark = pytest.mark.interop

CLIENTS = list(dict.fromkeys((c.client, c.stack) for c in [*COMBINATIONS, *NONSTRICT, *MULTIPLEXED]))
TEXT = "too many calls, 太多"
EXCEPTION, ONEWAY = 3, 4
UNKNOWN_METHOD, INTERNAL_ERROR, PROTOCOL_ERROR = 1, 6, 7
TYPES = dict.fromkeys(ErrorType, INTERNAL_ERROR) | {
    ErrorType.ROUTE_NOT_FOUND: UNKNOWN_METHOD,
    ErrorType.BAD_REQUEST: PROTOCOL_ERROR,
    ErrorType.BAD_RESPONSE: PROTOCOL_ERROR,
}


@pytest.fixture(scope="module")
def refusing_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRelay]:
    """A relay that has no server and answers every request with an error."""
    folder = tmp_path_factory.mktemp("refusing")
    with running_relay(folder, None, codec="thrift", reply_error="over_limit", reply_message=TEXT) as relay:
        yield relay


@pytest.mark.parametrize(("client", "stack"), CLIENTS, ids=str)
def test_every_client_raises_the_error(
    client: str, stack: Stack, install: Callable[[str], None], refusing_relay: RunningRelay
) -> None:
    install(client)
    # Go sends a oneway call as one that is answered.
    calls = ["greet", "mirror"] if client == "go" else ["greet", "notify", "mirror"]
    said = run_client(client, refusing_relay.port, stack, calls)
    refused = {"outcome": "TApplicationException", "type": INTERNAL_ERROR, "text": TEXT}
    for call in ("greet", "mirror"):
        assert said.outcomes[call].items() >= refused.items()
    asked = [message for message in said.sent if message.type != ONEWAY]
    assert said.received == [Message(m.method.rpartition(":")[2], EXCEPTION, m.seqid) for m in asked]


@pytest.mark.parametrize("error", ErrorType)
def test_an_error_has_the_type_that_the_table_says(
    error: ErrorType, install: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    install("go")
    folder = tmp_path_factory.mktemp(error.value)
    with running_relay(folder, None, codec="thrift", reply_error=error.value, reply_message=TEXT) as relay:
        said = run_client("go", relay.port, Stack("compact", "header"), ["greet"])
    assert (said.outcomes["greet"]["type"], said.outcomes["greet"]["text"]) == (TYPES[error], TEXT)
