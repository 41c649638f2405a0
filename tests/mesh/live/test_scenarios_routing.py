"""Aeraki's scenarios of routing: rules by property, splits, mirrors and changed requests, in MetaRouter's form."""

import json
import threading
from typing import Any

import pytest
from dubbo_messages import body_values
from live_engine.peers import serving
from mesh_protocols import AWESOMERPC, DUBBO, PROTOCOLS, THRIFT, Caller, Protocol, ThriftLibrary, text_of
from mesh_scenarios import LiveMesh, destination, likely, meta_router, ports, service, to, versions
from patience import PATIENCE
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.THeaderTransport import THeaderClientType
from thrift.transport.TTransport import TMemoryBuffer

from metaprotocol_sdk import Error, ErrorType, Metadata

pytestmark = pytest.mark.live

EVERY_PROTOCOL = pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)


@pytest.mark.parametrize(
    "different", [{}, {"interface": "org.demo.Other"}, {"method": "sayBye"}, {"foo": "baz"}, {"Foo": "bar"}], ids=str
)
def test_interface_method_and_attachment_together_choose_the_route(start_mesh, different: dict[str, str]) -> None:
    """A1: all three must match; another request gets an error of Dubbo with its own id."""
    properties = {"interface": "org.demo.Greeter", "method": "sayHello", "foo": "bar"}
    conditions = ", ".join(f"{name}: {{exact: {value}}}" for name, value in properties.items())
    router = meta_router(f"routes: [{{match: {{attributes: {{{conditions}}}}}, route: [{to('v1')}]}}]")
    if "Foo" in different:
        properties.pop("foo")
    with versions(DUBBO, "v1") as servers:
        mesh = start_mesh(service(DUBBO, ports(servers)), router)
        with Caller(DUBBO, mesh.port) as client:
            answer = client.ask(properties | different)
    if different in ({}, {"Foo": "bar"}):  # names of headers have no case
        assert text_of(answer) == "v1"
    else:
        assert DUBBO.codec.error_type(answer) is ErrorType.ROUTE_NOT_FOUND
        assert not servers["v1"].received


def test_a_mutation_adds_attachments_and_leaves_every_other_byte(start_mesh) -> None:
    """A2: only the id is another, and two attachments more stand at the end."""
    router = meta_router(f"""
routes:
- route: [{to("v1")}]
  requestMutation: [{{key: foo, value: bar}}, {{key: foo1, value: bar1}}]
""")
    with versions(DUBBO, "v1") as servers:
        mesh = start_mesh(service(DUBBO, ports(servers)), router)
        with Caller(DUBBO, mesh.port) as client:
            assert client.text({"method": "sayHello", "kept": "größe", "User": "jason"}) == "v1"
    (got,) = servers["v1"].received
    added = {"foo": "bar", "foo1": "bar1"}
    sent = {"method": "sayHello", "kept": "größe", "User": "jason"}
    assert got.message == DUBBO.request(got.request_id, sent | added)
    assert body_values(got.message, 6)[5].pairs == [("kept", "größe"), ("User", "jason"), *added.items()]


@EVERY_PROTOCOL
def test_a_mutation_reaches_the_server(start_mesh, protocol: Protocol) -> None:
    """A19: the server sees foo1=bar1, and what the client has sent."""
    router = meta_router(f"routes: [{{route: [{to('v1')}], requestMutation: [{{key: foo1, value: bar1}}]}}]")
    with versions(protocol, "v1") as servers:
        mesh = start_mesh(service(protocol, ports(servers)), router)
        with Caller(protocol, mesh.port) as client:
            assert client.text({"user": "jason"}) == "v1"
    (got,) = servers["v1"].received
    assert got.properties["foo1"] == "bar1"
    assert got.properties["user"] == "jason"


def _mirrored(mesh: LiveMesh, protocol: Protocol, count: int) -> int:
    """Make some calls that v1 must answer, and return how many copies went to v2."""
    with Caller(protocol, mesh.port) as client:
        assert [client.text({"user": "jason"}) for _ in range(count)] == ["v1"] * count
    # A copy is pending, or has left, before its request is answered.
    cluster = "cluster.outbound|9080|v2|reviews.default.svc.cluster.local"
    mesh.envoy.wait_for_stat(f"{cluster}.upstream_rq_pending_active", lambda pending: not pending)
    return mesh.envoy.stat(f"{cluster}.upstream_rq_total")


@pytest.mark.parametrize(("percentage", "copies"), [("50", likely(200, 0.5)), ("0", range(1)), ("100", [200])], ids=str)
def test_a_share_of_the_requests_is_mirrored(start_mesh, percentage: str, copies: Any) -> None:
    """A18: every request is answered by v1, and a share goes to v2, too."""
    share = f"mirrorPercentage: {{value: {percentage}}}"
    router = meta_router(f"routes: [{{route: [{to('v1')}], mirror: {destination('v2')}, {share}}}]")
    with versions(AWESOMERPC, "v1", "v2") as servers:
        mesh = start_mesh(service(AWESOMERPC, ports(servers)), router)
        sent = _mirrored(mesh, AWESOMERPC, 200)
        assert sent in copies
        copied = servers["v2"].wait(sent)
    assert len(servers["v1"].received) == 200
    assert {message.properties["user"] for message in copied} <= {"jason"}


@pytest.mark.parametrize("fault", ["reset", "garbage", "error"])
def test_failures_of_a_mirror_are_invisible(start_mesh, fault: str) -> None:
    """A3: half of the requests are mirrored to a server that fails, and the client gets all answers of the other."""

    def fail(message: Metadata, connection: Any) -> bytes | None:
        if fault == "reset":
            return connection.reset()
        if fault == "garbage":
            return b"HTTP/1.1 500 Internal Server Error\r\n\r\n"
        return DUBBO.codec.on_error(message, Error(ErrorType.UNSPECIFIED, "as it was told"))

    router = meta_router(
        f"routes: [{{route: [{to('v1')}], mirror: {destination('v2')}, mirrorPercentage: {{value: 50}}}}]"
    )
    with versions(DUBBO, "v1") as servers, serving(DUBBO.codec, fail) as failing:
        mesh = start_mesh(service(DUBBO, {"v1": [servers["v1"].port], "v2": [failing.port]}), router)
        assert _mirrored(mesh, DUBBO, 200) in likely(200, 0.5)
        assert len(servers["v1"].received) == 200


@EVERY_PROTOCOL
def test_answers_that_overtake_each_other_reach_their_callers(start_mesh, protocol: Protocol) -> None:
    """A4: two clients use the same ids at the same time, and the first request of each is answered last."""
    last = threading.Event()

    def handle(message: Metadata, connection: Any) -> bytes:
        call = message.properties["call"]
        if call == "1":
            assert last.wait(PATIENCE)
        return protocol.answer(message, f"{message.properties['user']}: {call}")

    with serving(protocol.codec, handle) as server:
        mesh = start_mesh(service(protocol, {"v1": [server.port]}))
        with Caller(protocol, mesh.port) as jason, Caller(protocol, mesh.port) as mary:
            clients = {"jason": jason, "mary": mary}
            for user, client in clients.items():
                calls = [protocol.request(number, {"user": user, "call": str(number)}) for number in range(1, 9)]
                client.send(b"".join(calls))
            for user, client in clients.items():
                answers = {answer.request_id: text_of(answer) for answer in (client.receive() for _ in range(7))}
                assert answers == {number: f"{user}: {number}" for number in range(2, 9)}
            last.set()
            for user, client in clients.items():
                assert text_of(client.receive()) == f"{user}: 1"


def test_the_method_chooses_the_route_and_the_library_reads_what_is_added(start_mesh) -> None:
    """A5: by Thrift's own library, framed and in THeader, where the server sees the mutation."""
    router = meta_router(f"""
routes:
- match: {{attributes: {{method: {{exact: sayHello}}, client: {{exact: python}}}}}}
  route: [{to("v1")}]
  requestMutation: [{{key: foo1, value: bar1}}]
- match: {{attributes: {{method: {{prefix: say}}}}}}
  route: [{to("v2")}]
""")
    with versions(THRIFT, "v1", "v2") as servers:
        mesh = start_mesh(service(THRIFT, ports(servers)), router)
        with ThriftLibrary(mesh.port, in_header=False) as framed:
            assert framed.call("sayHello") == "<=v2=>"
            with pytest.raises(TApplicationException, match="route_not_found") as caught:
                framed.call("greet")
            assert caught.value.type == TApplicationException.UNKNOWN_METHOD
            assert framed.call("sayBye") == "<=v2=>"
        with ThriftLibrary(mesh.port, in_header=True) as client:
            assert client.call("sayHello", client="python", user="jason") == "<=v1=>"
    (got,) = servers["v1"].received
    read = THeaderProtocol(TMemoryBuffer(got.message), [THeaderClientType.HEADERS])
    assert read.readMessageBegin()[0] == "sayHello"
    assert read.trans.get_headers() == {b"client": b"python", b"user": b"jason", b"foo1": b"bar1"}


def _route_versions(mesh: LiveMesh) -> set[str]:
    """Return the versions of the routes that Envoy has taken, of its own dump."""
    dump = json.loads(mesh.envoy.admin.get("/config_dump?resource=dynamic_route_configs"))
    return {one["version_info"] for one in dump["configs"]}


def test_a_changed_route_is_taken_by_the_next_request_of_a_connection(start_mesh) -> None:
    """A11: no connection is dropped, and the dump has another version."""
    with versions(AWESOMERPC, "v1", "v2") as servers:
        files = service(AWESOMERPC, ports(servers))
        mesh = start_mesh(files, meta_router(f"routes: [{{route: [{to('v1')}]}}]"))
        with Caller(AWESOMERPC, mesh.port) as client:
            assert client.text() == "v1"
            before = _route_versions(mesh)
            mesh.write(files, meta_router(f"routes: [{{route: [{to('v2')}]}}]"))
            client.text_until(lambda text: text == "v2")
            assert [client.text() for _ in range(5)] == ["v2"] * 5
            assert len(before) == 1
            assert _route_versions(mesh).isdisjoint(before)
        assert mesh.envoy.stat("http.outbound_127.0.0.1_19080.downstream_cx_total") == 1


@EVERY_PROTOCOL
def test_a_rule_sends_all_requests_to_one_version_and_then_to_the_other(start_mesh, protocol: Protocol) -> None:
    """A12: 5 of 5 to v1, and after a change 5 of 5 to v2, on new connections."""
    with versions(protocol, "v1", "v2") as servers:
        files = service(protocol, ports(servers))
        mesh = start_mesh(files, meta_router(f"routes: [{{name: v1, route: [{to('v1')}]}}]"))
        with Caller(protocol, mesh.port) as client:
            assert [client.text() for _ in range(5)] == ["v1"] * 5
        mesh.write(files, meta_router(f"routes: [{{name: v2, route: [{to('v2')}]}}]"))
        with Caller(protocol, mesh.port) as client:
            client.text_until(lambda text: text == "v2")
            assert [client.text() for _ in range(5)] == ["v2"] * 5


@pytest.mark.parametrize(
    ("weights", "of_v1"), [((20, 80), likely(200, 0.2)), ((0, 100), [0]), ((100, 0), [200])], ids=["20-80", "0", "100"]
)
def test_weights_split_the_requests(start_mesh, weights: tuple[int, int], of_v1: Any) -> None:
    """A13: v1 gets its share, within what chance allows."""
    first, second = weights
    targets = f"[{to('v1', f', weight: {first}')}, {to('v2', f', weight: {second}')}]"
    with versions(DUBBO, "v1", "v2") as servers:
        mesh = start_mesh(service(DUBBO, ports(servers)), meta_router(f"routes: [{{route: {targets}}}]"))
        with Caller(DUBBO, mesh.port) as client:
            answers = [client.text() for _ in range(200)]
    assert answers.count("v1") in of_v1
    assert answers.count("v1") + answers.count("v2") == 200


@EVERY_PROTOCOL
def test_a_property_matches_exactly_by_prefix_and_by_regex(start_mesh, protocol: Protocol) -> None:
    """A14: 5 of 5 to v2 for each way to match, and what matches none to v1."""
    conditions = ["{exact: jason}", "{prefix: ma}", "{regex: '[0-9]+'}"]
    rules = "\n".join(f"- {{match: {{attributes: {{user: {one}}}}}, route: [{to('v2')}]}}" for one in conditions)
    router = meta_router(f"routes:\n{rules}\n- {{route: [{to('v1')}]}}")
    with versions(protocol, "v1", "v2") as servers:
        mesh = start_mesh(service(protocol, ports(servers)), router)
        with Caller(protocol, mesh.port) as client:
            for user in ("jason", "mary", "2026"):
                assert [client.text({"user": user}) for _ in range(5)] == ["v2"] * 5
            for user in ("jasons", "oma", "2026a", "Jason"):
                assert client.text({"user": user}) == "v1"
            assert client.text() == "v1"
