"""Requests and responses are changed as docs/governance/changes.md says."""

from typing import Any

import pytest
from governance import WITH_PROPERTIES, Scenario, shown
from live_engine.peers import serving
from mesh_files import routes
from mesh_protocols import FRAMED, THRIFT, Protocol, ThriftLibrary, text_of
from thrift.Thrift import TApplicationException

from metaprotocol_sdk import Direction, ErrorType, Metadata, Mutation

pytestmark = pytest.mark.live


def with_properties(protocol: Protocol, message: Metadata, **properties: str) -> bytes:
    """Return an answer with properties."""
    answer = protocol.codec.decode(protocol.answer(message, "v1"), Direction.TO_CLIENT)
    answer.request = message
    return protocol.codec.encode(answer, Mutation(properties))


@WITH_PROPERTIES
def test_properties_of_requests_and_responses_are_set_added_and_removed(scenario: Scenario, protocol: Protocol) -> None:
    def handle(message: Metadata, connection: Any) -> bytes:
        return with_properties(protocol, message, internal="7", groups="server", kept="größe")

    with serving(protocol.codec, handle) as server:
        scenario.apply(protocol, {"v1": [server.port]}, shown("changes", "changes"))
        with scenario.caller() as client:
            sent = {"user": "jason", "Region": "us", "groups": "a", "secret": "x", "kept": "größe"}
            answer = client.ask(sent)
            bare = client.ask()
            address = f"127.0.0.1:{client.socket.getsockname()[1]}"
    with_all, without = (message.properties for message in server.received)
    wanted = {"user": "jason", "Region": "eu", "groups": "a,mesh", "kept": "größe", "caller": "jason"}
    wanted |= {"client-address": address, "share": "100%", "lane": "stable"}
    assert {name: with_all.get(name) for name in wanted} == wanted
    assert not {"secret", "region"} & set(with_all)
    assert (without["region"], without["groups"], without["lane"]) == ("eu", "mesh", "stable")
    assert without["caller"] == ""
    for one in (answer, bare):
        assert text_of(one) == "v1"
        changed = {"served-by": f"127.0.0.1:{server.port}", "region": "eu", "groups": "server,mesh"}
        changed |= {"lane": "stable", "kept": "größe"}
        assert {name: one.properties.get(name) for name in changed} == changed
        assert "internal" not in one.properties


def test_a_frame_without_header_cannot_be_changed(scenario: Scenario) -> None:
    """The request is refused, and one in THeader on the next connection is not."""
    with FRAMED.serving("v1") as server:
        scenario.apply(FRAMED, {"v1": [server.port]}, shown("changes", "changes"))
        before = scenario.envoy.stat(REFUSED)
        with scenario.caller() as client:
            assert client.error() is ErrorType.BAD_REQUEST
        assert scenario.envoy.stat(REFUSED) == before + 1
        with ThriftLibrary(scenario.port, in_header=True) as library:
            assert library.call("hello") == "<=v1=>"
        with ThriftLibrary(scenario.port, in_header=False) as library, pytest.raises(TApplicationException) as caught:
            library.call("hello")
        assert caught.value.type == TApplicationException.PROTOCOL_ERROR
    assert len(server.received) == 1


REFUSED = "dynamicmodulescustom.metaprotocol.mutations_refused"


def test_what_cannot_be_changed_may_pass(scenario: Scenario) -> None:
    with FRAMED.serving("v1") as server:
        scenario.apply(FRAMED, {"v1": [server.port]}, shown("changes", "changes"), shown("changes", "pass"))
        before = scenario.envoy.stat(REFUSED)
        with scenario.caller() as client:
            assert client.text() == "v1"
        assert scenario.envoy.stat(REFUSED) == before + 2  # the request and the answer
        with ThriftLibrary(scenario.port, in_header=True) as library:
            assert library.call("hello") == "<=v1=>"
    assert [message.properties.get("region") for message in server.received] == [None, "eu"]


@pytest.mark.parametrize("protocol", [THRIFT, FRAMED], ids=["theader", "framed"])
def test_the_method_of_a_frame_is_changed(scenario: Scenario, protocol: Protocol) -> None:
    """The server is asked for another, and the client's library, which checks the name, reads its own."""
    to = "route: [{destination: {host: reviews.default.svc.cluster.local}}]"
    rule = routes(f"- {{headers: {{request: {{set: {{method: greet}}}}}}, {to}}}")
    with protocol.serving("v1") as server:
        scenario.apply(protocol, {"v1": [server.port]}, rule)
        with ThriftLibrary(scenario.port, in_header=protocol is THRIFT) as library:
            assert library.call("hello") == "<=v1=>"
    assert [message.properties["method"] for message in server.received] == ["greet"]
