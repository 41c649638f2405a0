"""Authorization, as docs/governance/authorization.md has it."""

import base64
import hashlib
import hmac
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ext_authz import deciding, deciding_by_grpc
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, shown
from live_engine.config import built_module
from live_engine.peers import Server
from live_envoy.certificates import self_signed
from mesh_protocols import FRAMED, THRIFT, Caller, Protocol, ThriftLibrary
from mesh_scenarios import LiveMesh, gateway, service_entry
from thrift.Thrift import TApplicationException

from metaprotocol_sdk import Direction, Error, ErrorType

pytestmark = pytest.mark.live

LONG_AGO, FAR_AWAY = 1_000_000_000, 10_000_000_000
ISSUER = "https://login.example"


@contextmanager
def guarded(scenario: Scenario, protocol: Protocol, page: str) -> Iterator[Server]:
    """Run a server with a proxy next to it."""
    with protocol.serving("served") as server:
        scenario.apply(protocol, {"v1": [server.port]}, page.replace("21101", str(server.port)))
        yield server


def token(secret: bytes, **claims: object) -> str:
    """Return a JSON Web Token (RFC 7519), signed with HS256."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    signed = f"{part(json.dumps({'alg': 'HS256', 'kid': 'demo'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def refusal(protocol: Protocol) -> int:
    """Return the protocol's own number of a refusal."""
    codec = protocol.codec
    call = codec.decode(protocol.request(1, {}), Direction.TO_SERVER)
    return codec.decode(codec.on_error(call, Error(ErrorType.UNAUTHORIZED, "")), Direction.TO_CLIENT).status_code


@WITH_PROPERTIES
def test_a_property_is_refused_and_no_server_gets_it(scenario: Scenario, protocol: Protocol) -> None:
    with guarded(scenario, protocol, shown("authorization", "by-property")) as server, scenario.caller() as client:
        assert client.text({"user": "mary"}) == "served"
        assert client.text() == "served"
        for name in ("tester-7", "tester-"):
            assert client.ask({"user": name}).status_code == refusal(protocol)
        assert client.text({"user": "a tester-7"}) == "served"
        assert len(server.received) == 3


ALLOWED_PATHS = ["/org.demo.Greeter/hello", "/hello", "/greeter/7"]
OPERATIONS: dict[str, tuple[dict[str, str], list[dict[str, str]]]] = {
    "awesomerpc": (
        {"service": "greeter"},
        [{}, *({"service": one} for one in ("Greeter", "greeter/", "greeter/7", "./greeter", "x/../greeter"))],
    ),
    "dubbo": (
        {"interface": "org.demo.Greeter", "method": "hello"},
        [
            {"interface": "org.demo.Greeter", "method": "delete"},
            {"interface": "org.demo.Other", "method": "hello"},
            {"interface": "org.demo.Other/../org.demo.Greeter", "method": "hello"},
            {"interface": "org.demo.Greeter", "method": "x/../hello"},
        ],
    ),
    "thrift": (
        {"method": "hello"},
        [
            {"method": one}
            for one in ("delete", "Hello", "hello/", "x/hello", "x/../hello", "%68ello", "hello?", "hello#")
        ],
    ),
}


@EVERY_FORM
def test_only_named_operations_are_allowed(scenario: Scenario, protocol: Protocol) -> None:
    allowed, others = OPERATIONS[protocol.codec.name]
    with guarded(scenario, protocol, shown("authorization", "by-operation")) as server, scenario.caller() as client:
        assert client.text(allowed) == "served"
        for one in others:
            assert client.error(one) is not None, one
        assert client.text(allowed) == "served"
        assert len(server.received) == 2


def test_thrifts_own_library_raises_the_refusal(scenario: Scenario) -> None:
    with guarded(scenario, THRIFT, shown("authorization", "by-operation")):
        for in_header in (True, False):
            with ThriftLibrary(scenario.port, in_header=in_header) as library:
                assert library.call("hello") == "<=served=>"
                with pytest.raises(TApplicationException, match="rbac_access_denied"):
                    library.call("delete")


@WITH_PROPERTIES
def test_the_claims_of_a_token_decide(scenario: Scenario, protocol: Protocol) -> None:
    page = shown("authorization", "by-token")
    found = re.search(r'"k": "(\S+)"', page)
    assert found
    secret = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
    good = {"iss": ISSUER, "sub": "mary", "groups": ["staff", "admin"], "exp": FAR_AWAY}
    wrong = {
        "another group": token(secret, **good | {"groups": ["guests"]}),
        "another issuer": token(secret, **good | {"iss": "https://login.other"}),
        "expired": token(secret, **good | {"exp": LONG_AGO}),
        "signed by another": token(b"x" * 32, **good),
        "not signed": token(secret, **good).rpartition(".")[0] + ".",
        "not a token": "staff",
    }
    with guarded(scenario, protocol, page) as server, scenario.caller() as client:
        assert client.text({"token": token(secret, **good)}) == "served"
        assert client.text({"token": token(secret, **good | {"groups": "staff"})}) == "served"
        for why, one in wrong.items():
            assert client.ask({"token": one}).status_code == refusal(protocol), why
        assert client.ask().status_code == refusal(protocol)
        assert ["token" in message.properties for message in server.received] == [False, False]


@contextmanager
def issuing(keys: object, key: Path, certificate: Path) -> Iterator[int]:
    """Run a server that gives keys by HTTPS, and yield its port."""
    content = json.dumps(keys).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/keys" else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@WITH_PROPERTIES
def test_the_keys_of_tokens_are_fetched_from_their_issuer(
    scenario: Scenario, protocol: Protocol, tmp_path: Path
) -> None:
    secret = b"a secret of the tests, 32 bytes!"
    shared = {"kty": "oct", "kid": "demo", "alg": "HS256", "k": base64.urlsafe_b64encode(secret).decode().rstrip("=")}
    key, certificate = self_signed(tmp_path, "login.example")
    with issuing({"keys": [shared]}, key, certificate) as port:
        page = shown("authorization", "keys-of-the-issuer")
        page = page.replace("mode: SIMPLE", f"mode: SIMPLE, caCertificates: {certificate}")
        endpoint = f"STATIC\n  endpoints: [{{address: 127.0.0.1, ports: {{https: {port}}}}}]"
        page = page.replace("DNS", endpoint)
        with guarded(scenario, protocol, page) as server, scenario.caller() as client:
            good = {"iss": ISSUER, "sub": "mary", "exp": FAR_AWAY}
            assert client.text({"token": token(secret, **good)}) == "served"
            assert client.text() == "served"
            assert client.ask({"token": token(b"x" * 32, **good)}).status_code == refusal(protocol)
            assert len(server.received) == 2


UNASKED = {"awesomerpc": {"service": "health"}, "dubbo": {"method": "ping"}, "thrift": {"method": "ping"}}


@EVERY_FORM
def test_a_service_decides(scenario: Scenario, protocol: Protocol) -> None:
    name = protocol.codec.name
    allowed, (*_, refused) = OPERATIONS[name]
    unasked = (allowed if name == "dubbo" else {}) | UNASKED[name]
    has_properties = protocol is not FRAMED
    asked: list[tuple[str, str | None]] = []

    def decide(path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        asked.append((path, headers.get("user")))
        answer = {"checked-by": "decider", "secret": "7"} if has_properties else {}
        return (200, answer) if path in ALLOWED_PATHS else (403, {})

    properties = {"user": "mary"} if has_properties else {}
    with deciding(decide) as port:
        page = shown("authorization", "by-service").replace("21108", str(port))
        with guarded(scenario, protocol, page) as server, scenario.caller() as client:
            assert client.text(allowed | properties) == "served"
            answer = client.ask(refused)
            assert answer.status_code == refusal(protocol)
            assert client.text(unasked) == "served"
            assert [user for _, user in asked] == [properties.get("user"), None]
            assert [message.properties.get("checked-by") for message in server.received] == [
                "decider" if has_properties else None,
                None,
            ]
            assert not any("secret" in message.properties for message in server.received)
    with guarded(scenario, protocol, page) as server, scenario.caller() as client:  # nobody decides any longer
        assert client.ask(allowed).status_code == refusal(protocol)
        assert client.text(unasked) == "served"
        assert len(server.received) == 1


@WITH_PROPERTIES
def test_a_service_decides_by_grpc(scenario: Scenario, protocol: Protocol, start_envoy: Any) -> None:
    """It sees every property, and none of the module's own."""
    seen: list[Mapping[str, str]] = []

    def decide(path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        seen.append(dict(headers))
        return (200 if headers.get("role") == "admin" else 403), {"checked-by": "decider"}

    page = re.sub(" +(?:include|headers)[A-Za-z]+: .*\n", "", shown("authorization", "by-service"))
    page = page.replace("envoyExtAuthzHttp", "envoyExtAuthzGrpc")
    page = page.replace("name: http, protocol: HTTP", "name: grpc, protocol: GRPC").replace("{http: ", "{grpc: ")
    with (
        deciding_by_grpc(start_envoy, decide) as port,
        guarded(scenario, protocol, page.replace("21108", str(port))) as server,
        scenario.caller() as client,
    ):
        assert client.text({"role": "admin", "user": "mary"}) == "served"
        assert client.ask({"role": "guest"}).status_code == refusal(protocol)
        assert [message.properties["checked-by"] for message in server.received] == ["decider"]
    assert [headers["role"] for headers in seen] == ["admin", "guest"]
    assert not any(name.startswith("x-metaprotocol-token") for headers in seen for name in headers)


@EVERY_FORM
def test_policies_and_a_service_decide_at_a_gateway(protocol: Protocol, start_envoy: Any, tmp_path: Path) -> None:
    built_module()
    asked: list[str] = []

    def decide(path: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
        asked.append(path)
        return (200 if path in ALLOWED_PATHS else 403), {}

    allowed, others = OPERATIONS[protocol.codec.name]
    _, *by_service = shown("authorization", "by-service").split("---\n")
    _, by_operation = shown("authorization", "by-operation").split("---\n")
    with deciding(decide) as port, protocol.serving("served") as server:
        door = gateway(protocol), service_entry(protocol, {"v1": [server.port]})
        for rules in ([by_operation], [one.replace("21108", str(port)) for one in by_service]):
            folder = tmp_path / str(len(rules))
            mesh = LiveMesh(start_envoy, folder, *door, *rules)
            with Caller(protocol, mesh.port) as client:
                assert client.text(allowed) == "served"
                assert client.ask(others[-1]).status_code == refusal(protocol)
        assert len(server.received) == 2
    assert len(asked) == 2
