"""Attempts to get past an AuthorizationPolicy: none brings a server a request that the policy refuses."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dubbo_bytes
import pytest
import thrift_messages
from dubbo_bytes import string, untyped_map
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario
from live_engine import awesome
from live_engine.peers import Server
from mesh_protocols import AWESOMERPC, DUBBO, FRAMED, THRIFT, Caller, Protocol, text_or_error
from patience import PATIENCE

from metaprotocol_sdk import Direction

pytestmark = pytest.mark.live

INGRESS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  ingress:
  - port: {number: 19080, name: http-awesomerpc, protocol: HTTP}
    defaultEndpoint: 127.0.0.1:21101
"""
NO_JASON = "{action: DENY, rules: [{when: [{key: 'request.headers[user]', values: [jason]}]}]}"
NO_OLD_VERSION = "{action: DENY, rules: [{when: [{key: 'request.headers[version]', notValues: ['1.0']}]}]}"
ONLY_HELLO = "{rules: [{to: [{operation: {paths: [/org.demo.Greeter/hello, /hello, /greeter/7]}}]}]}"
HELLO = {"awesomerpc": {"service": "greeter"}, "dubbo": {"interface": "org.demo.Greeter", "method": "hello"}}


def policy(spec: str, name: str = "guard") -> str:
    head = (
        f"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: default}}"
    )
    return f"{head}\nspec: {spec}\n"


@contextmanager
def guarded(scenario: Scenario, protocol: Protocol, *policies: str) -> Iterator[tuple[Server, Caller]]:
    """Run a server with a proxy next to it that has some policies, and a client."""
    with protocol.serving("served") as server:
        ingress = INGRESS.replace("21101", str(server.port))
        scenario.apply(
            protocol, {"v1": [server.port]}, ingress, *(policy(one, f"p{n}") for n, one in enumerate(policies))
        )
        with scenario.caller() as client:
            yield server, client


def attachments(*entries: tuple[str, bytes]) -> bytes:
    return b"H" + b"".join(string(name) + value for name, value in entries) + b"Z"


def in_header(*keys: tuple[str, str]) -> bytes:
    call = thrift_messages.strict(thrift_messages.CALL, "hello", 1, thrift_messages.STRUCTS["strict"]["hi"])
    return thrift_messages.in_header(call, seqid=1, information=thrift_messages.run(keys))


JASON = string("jason")
UNREADABLE = 0xC4
"""The flags of a Dubbo request whose serialization is fst, of which only the header is read."""
REFUSED: dict[str, tuple[Protocol, bytes]] = {
    "by its value": (AWESOMERPC, awesome.request(1, {"user": "jason"})),
    "names that differ in case": (AWESOMERPC, awesome.request(1, {"user": "mary", "User": "jason"})),
    "one name in another case": (AWESOMERPC, awesome.request(1, {"USER": "jason"})),
    "a oneway": (AWESOMERPC, awesome.request(1, {"user": "jason"}, kind=awesome.ONEWAY)),
    "Dubbo, by its value": (DUBBO, dubbo_bytes.request(attachments={"user": "jason"})),
    "Dubbo, a name twice, the last one says it": (
        DUBBO,
        dubbo_bytes.request(attachments=attachments(("user", string("mary")), ("user", JASON))),
    ),
    "Dubbo, names that differ in case": (DUBBO, dubbo_bytes.request(attachments={"User": "jason", "user": "mary"})),
    "Dubbo, a body that nobody reads": (DUBBO, dubbo_bytes.message(UNREADABLE, b"anything")),
    "Dubbo, a oneway": (DUBBO, dubbo_bytes.request(flags=0x82, attachments={"user": "jason"})),
    "Dubbo, attachments in an argument's shape": (
        DUBBO,
        dubbo_bytes.request(
            types="Ljava/util/Map;", arguments=untyped_map({"user": "mary"}), attachments={"user": "jason"}
        ),
    ),
    "THeader, by its value": (THRIFT, in_header(("user", "jason"))),
    "THeader, a name twice": (THRIFT, in_header(("user", "mary"), ("user", "jason"))),
    "THeader, names that differ in case": (THRIFT, in_header(("user", "mary"), ("User", "jason"))),
}


@pytest.mark.parametrize(("protocol", "message"), REFUSED.values(), ids=REFUSED)
def test_a_property_that_is_denied_does_not_pass_in_another_guise(
    scenario: Scenario, protocol: Protocol, message: bytes
) -> None:
    codec = protocol.codec
    with guarded(scenario, protocol, NO_JASON) as (server, client):
        client.send(message)
        if codec.decode(message, Direction.TO_SERVER).expects_reply:
            assert not text_or_error(client.receive())
        assert client.text() == "served"  # and so everything before it has been decided
        assert len(server.received) == 1


DISGUISED_VERSIONS = {
    "an int": ("version", b"\x91"),
    "null": ("version", b"N"),
    "true": ("version", b"T"),
    "a map": ("version", untyped_map({"a": "b"})),
    "another text": ("version", string("9.9")),
}


@pytest.mark.parametrize("entry", DISGUISED_VERSIONS.values(), ids=DISGUISED_VERSIONS)
def test_an_attachment_of_another_type_does_not_show_the_version_of_the_body(
    scenario: Scenario, entry: tuple[str, bytes]
) -> None:
    """Java puts attachments over the strings of the body, so the provider would serve another version than 1.0."""
    with guarded(scenario, DUBBO, NO_OLD_VERSION) as (server, client):
        assert not text_or_error(client.call(dubbo_bytes.request(attachments=attachments(entry))))
        assert client.text() == "served"
        assert len(server.received) == 1


@pytest.mark.parametrize("name", ["path", "interface"])
@pytest.mark.parametrize("value", [string("org.demo.Admin"), b"N", b"\x91"], ids=["another", "null", "an int"])
def test_an_attachment_over_the_name_of_the_service_is_judged(scenario: Scenario, name: str, value: bytes) -> None:
    """If such a request passes, then as what the provider will take it for: the codec reads it as Java does."""
    with guarded(scenario, DUBBO, ONLY_HELLO) as (server, client):
        message = dubbo_bytes.request(path="org.demo.Greeter", method="hello", attachments=attachments((name, value)))
        judged = DUBBO.codec.decode(message, Direction.TO_SERVER)
        text = text_or_error(client.call(message))
        assert (text == "served") is (judged.operation == "org.demo.Greeter/hello" and not judged.incomplete)
        assert len(server.received) == bool(text)
        assert client.text(HELLO["dubbo"]) == "served"


HEARTBEATS = {
    "awesomerpc": awesome.request(1, {"service": "admin"}, kind=awesome.HEARTBEAT),
    "dubbo": dubbo_bytes.request(flags=0xE2, path="org.demo.Admin", method="delete"),
}


@pytest.mark.parametrize("protocol", [AWESOMERPC, DUBBO], ids=str)
def test_a_heartbeat_that_carries_a_call_reaches_no_server(scenario: Scenario, protocol: Protocol) -> None:
    hello = HELLO[protocol.codec.name]
    with guarded(scenario, protocol, ONLY_HELLO) as (server, client):
        client.call(HEARTBEATS[protocol.codec.name])
        assert client.text(hello) == "served"
        assert [message.operation for message in server.received] == [
            protocol.codec.decode(protocol.request(1, hello), Direction.TO_SERVER).operation
        ]


FORGED: Sequence[bytes] = (
    b"POST /greeter/7 HTTP/1.1\r\nhost: greeter\r\nx-metaprotocol-type: request\r\ncontent-length: 0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


@EVERY_FORM
def test_other_bytes_than_the_protocols_are_answered_by_nobody(scenario: Scenario, protocol: Protocol) -> None:
    with guarded(scenario, protocol) as (server, client):
        for number, sent in enumerate(FORGED):
            with socket.create_connection(("127.0.0.1", scenario.port), PATIENCE) as other:
                other.sendall(sent)
                other.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda one=other: one.recv(4096), b""))
            assert not answer.startswith((b"HTTP/", b"\x00\x00\x12\x04")), number
        assert client.text() == "served"
        assert len(server.received) == 1


@WITH_PROPERTIES
@pytest.mark.parametrize(
    "spec",
    [
        "{rules: [{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}]}",
        "{rules: [{from: [{source: {principals: ['cluster.local/ns/default/sa/web']}}]}]}",
        "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}",
        "{rules: [{to: [{operation: {hosts: [admin.example]}}]}]}",
        "{rules: [{to: [{operation: {paths: [/admin]}}]}]}",
        "{rules: [{when: [{key: 'request.headers[x-metaprotocol-type]', values: [trusted]}]}]}",
    ],
    ids=["address", "certificate", "token", "host", "path", "our header"],
)
def test_no_property_is_taken_for_what_envoy_says_of_a_request(
    scenario: Scenario, protocol: Protocol, spec: str
) -> None:
    claims = {
        "x-forwarded-for": "10.0.0.1",
        "x-real-ip": "10.0.0.1",
        "x-envoy-external-address": "10.0.0.1",
        "x-forwarded-client-cert": "By=a;URI=spiffe://cluster.local/ns/default/sa/web",
        "principal": "cluster.local/ns/default/sa/web",
        "host": "admin.example",
        ":authority": "admin.example",
        ":path": "/admin",
        "x-envoy-original-path": "/admin",
        "x-metaprotocol-type": "trusted",
    }
    with guarded(scenario, protocol, spec) as (server, client):
        assert not text_or_error(client.ask(claims))
        for name, value in claims.items():
            assert not text_or_error(client.ask({name: value})), name
        assert server.received == []


@EVERY_FORM
def test_a_changed_policy_reaches_a_connection_that_is_busy(scenario: Scenario, protocol: Protocol) -> None:
    """And no request that it refuses comes to the server once the change is in force."""
    with guarded(scenario, protocol, "{rules: [{}]}") as (server, client):
        hundred = [protocol.request(number, {}) for number in range(1, 101)]
        client.send(b"".join(hundred))
        ingress = INGRESS.replace("21101", str(server.port))
        scenario.apply(protocol, {"v1": [server.port]}, ingress, policy("{}"))
        answers = [text_or_error(client.receive()) for _ in hundred]
        before = len(server.received)
        assert answers.count("served") == before
        assert not text_or_error(client.ask())
        assert len(server.received) == before


@pytest.mark.parametrize("protocol", [AWESOMERPC, DUBBO], ids=str)
def test_a_changed_policy_reaches_a_connection_that_only_sends_heartbeats(
    scenario: Scenario, protocol: Protocol
) -> None:
    codec = protocol.codec
    heartbeat = {"awesomerpc": awesome.request(1, kind=awesome.HEARTBEAT), "dubbo": dubbo_bytes.message(0xE2, b"N")}
    with guarded(scenario, protocol, "{rules: [{}]}") as (server, client):
        ingress = INGRESS.replace("21101", str(server.port))
        for spec in ("{rules: [{}]}", "{}"):
            scenario.apply(protocol, {"v1": [server.port]}, ingress, policy(spec))
            assert client.call(heartbeat[codec.name]).message_type == "heartbeat"
        assert not text_or_error(client.ask())
        assert server.received == []


def test_a_frame_of_thrift_cannot_name_another_method_in_a_header(scenario: Scenario) -> None:
    with guarded(scenario, FRAMED, ONLY_HELLO) as (server, client):
        call = thrift_messages.strict(thrift_messages.CALL, "delete", 1, thrift_messages.STRUCTS["strict"]["hi"])
        for message in (
            thrift_messages.framed(call),
            thrift_messages.in_header(call, seqid=1, information=thrift_messages.run({"method": "hello"})),
        ):
            assert not text_or_error(client.call(message))
        assert server.received == []
