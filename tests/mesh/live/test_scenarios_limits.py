"""Aeraki's scenarios of limits, with both releases of Envoy; the five cases of conditions are in test_limits.py.

Tokens come back after an hour, so no test meets one twice.
"""

import socket
from collections.abc import Iterator

import pytest
from mesh_protocols import DUBBO, PROTOCOLS, Caller, Protocol
from mesh_scenarios import LiveMesh, meta_router, ports, service, versions
from rate_limits import RateLimits, serving_limits

from metaprotocol_sdk import ErrorType

pytestmark = pytest.mark.live


def bucket(tokens: int) -> str:
    return f"tokenBucket: {{maxTokens: {tokens}, fillInterval: 3600s}}"


def limited(mesh: LiveMesh, errors: list[ErrorType | None]) -> list[bool]:
    """Return which calls failed, which must all have been over a limit: not every protocol has a number for that."""
    found = [error is not None for error in errors]
    assert mesh.envoy.stat("dynamicmodulescustom.metaprotocol.local_replies.over_limit") == sum(found)
    return found


CONDITION = f"conditions: [{{match: {{attributes: {{method: {{exact: sayHello}}}}}}, {bucket(2)}}}]"


def test_a_request_that_meets_a_condition_takes_no_token_of_the_default(start_mesh) -> None:
    """A9: 8 calls that meet the condition, of which 2 pass, leave all 3 tokens of the default."""
    router = meta_router(f"localRateLimit: {{{bucket(3)}, {CONDITION}}}")
    with versions(DUBBO, "v1") as servers:
        mesh = start_mesh(service(DUBBO, ports(servers)), router)
        with Caller(DUBBO, mesh.port) as client:
            errors = [client.error({"method": method}) for method in ["sayHello"] * 8 + ["sayBye"] * 8]
        assert limited(mesh, errors) == [False] * 2 + [True] * 6 + [False] * 3 + [True] * 5


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
def test_two_of_ten_calls_pass_a_local_limit(start_mesh, protocol: Protocol) -> None:
    """A15: of 10 calls, one after the other and each on its own connection, exactly 2 succeed."""
    with versions(protocol, "v1") as servers:
        mesh = start_mesh(service(protocol, ports(servers)), meta_router(f"localRateLimit: {{{bucket(2)}}}"))
        errors = []
        for _ in range(10):
            with Caller(protocol, mesh.port) as client:
                errors.append(client.error())
        assert limited(mesh, errors) == [False] * 2 + [True] * 8
    assert len(servers["v1"].received) == 2


HOST = "limits.default.svc.cluster.local"


def limit_service(port: int) -> str:
    """Return the ServiceEntry of a rate limit service."""
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: limits, namespace: default}}
spec:
  hosts: [{HOST}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 8081, name: grpc, protocol: GRPC}}]
  endpoints: [{{address: 127.0.0.1, ports: {{grpc: {port}}}}}]
"""


def global_limit(*, timeout: str = "60s", deny_on_fail: bool = True, match: str = "") -> str:
    """Return a MetaRouter whose requests are counted by their method."""
    return meta_router(f"""
globalRateLimit:
  domain: production
  rateLimitService: outbound|8081||{HOST}
  requestTimeout: {timeout}
  denyOnFail: {str(deny_on_fail).lower()}
  descriptors: [{{property: method, descriptorKey: method}}]
  {f"match: {{attributes: {match}}}" if match else ""}
""")


def test_five_of_eleven_calls_pass_a_global_limit(start_mesh, start_envoy) -> None:
    """A10, A16: the service allows 5 for each value of the property, and each call is asked for once."""
    limits = RateLimits(5)
    with serving_limits(start_envoy, limits) as asked, versions(DUBBO, "v1") as servers:
        mesh = start_mesh(service(DUBBO, ports(servers)), limit_service(asked), global_limit())
        with Caller(DUBBO, mesh.port) as client:
            errors = [client.error({"method": "sayHello"}) for _ in range(11)]
            assert client.error({"method": "sayBye"}) is None
        assert limited(mesh, errors) == [False] * 5 + [True] * 6
    assert limits.counts == {
        ("production", ((("method", "sayHello"),),)): 11,
        ("production", ((("method", "sayBye"),),)): 1,
    }


def test_a_global_limit_counts_only_what_matches(start_mesh, start_envoy) -> None:
    """A10: requests that do not match are not asked for."""
    limits = RateLimits(1)
    with serving_limits(start_envoy, limits) as asked, versions(DUBBO, "v1") as servers:
        router = global_limit(match="{method: {exact: sayHello}}")
        mesh = start_mesh(service(DUBBO, ports(servers)), limit_service(asked), router)
        with Caller(DUBBO, mesh.port) as client:
            assert [client.error({"method": "sayBye"}) for _ in range(3)] == [None] * 3
            errors = [client.error({"method": "sayHello"}) for _ in range(2)]
        assert limited(mesh, errors) == [False, True]
    assert sum(limits.counts.values()) == 2


@pytest.fixture(params=[True, False], ids=["silent", "down"])
def broken(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a rate limit service that never answers, or does not listen."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if request.param:
            listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize("deny", [True, False], ids=["deny", "allow"])
def test_a_broken_limit_service_denies_or_allows(start_mesh, broken: int, deny: bool) -> None:
    """A10: `denyOnFail` decides when the service is down, and when it does not answer within `requestTimeout`."""
    with versions(DUBBO, "v1") as servers:
        router = global_limit(timeout="0.2s", deny_on_fail=deny)
        mesh = start_mesh(service(DUBBO, ports(servers)), limit_service(broken), router)
        with Caller(DUBBO, mesh.port) as client:
            errors = [client.error() for _ in range(2)]
        assert limited(mesh, errors) == [deny] * 2
    assert len(servers["v1"].received) == (0 if deny else 2)
