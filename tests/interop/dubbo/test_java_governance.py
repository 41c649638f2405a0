"""The promises of the pages about governance, seen by Apache Dubbo's Java consumers and providers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from collectors import collecting
from governance import failing, shown, silent
from live_engine.config import built_module
from live_engine.peers import serving
from mesh_protocols import DUBBO
from mesh_scenarios import LiveMesh, destination_rule, service_entry, sidecar
from peers.dubbo_java import DUBBO_2_7, DUBBO_3, JavaConsumer, JavaProvider, required

# A constant of org.apache.dubbo.rpc.RpcException.
TIMEOUT_EXCEPTION = 2


@pytest.fixture
def provider(running: Callable) -> JavaProvider:
    """A provider of Dubbo 3, which has not been called yet."""
    found = running(JavaProvider, required(DUBBO_3))
    found.forget()
    return found


@pytest.fixture
def start(start_envoy: Callable, tmp_path: Path, provider: JavaProvider) -> Callable[..., int]:
    """Start Envoy of some rules, and return the port of its listener; servers are the provider, or have these ports."""
    built_module()

    def start(*rules: str, ports: tuple[int, ...] = ()) -> int:
        servers = {"v1": list(ports) or [provider.ports["hessian2"]]}
        files = [service_entry("dubbo", servers), sidecar("dubbo"), *rules]
        if not any("kind: DestinationRule" in one for one in rules):
            files.append(destination_rule(servers))
        return LiveMesh(start_envoy, tmp_path / "mesh", *files).port

    return start


def test_an_aborted_call_is_what_its_status_stands_for(consumer, version, provider, start) -> None:
    """504 is a TimeoutException; the provider is not called, and the next call on the connection is answered."""
    port = start(shown("faults", "abort").replace("value: 10}", "value: 0}"))
    with consumer.client(port, retries=0) as client:
        outcome = client.call("echo", "hello", user="tester-7")
        assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, TIMEOUT_EXCEPTION)
        assert client.call("echo", "hello", user="jason")["same"] is True
    assert provider.next_call()["attachments"]["user"] == "jason"


def test_a_call_that_takes_too_long_is_a_timeout(consumer, version, start) -> None:
    """The server never answers, and the consumer itself would wait for ten minutes."""
    with serving(DUBBO.codec, silent) as server:
        port = start(shown("retries", "timeout"), ports=(server.port,))
        with consumer.client(port, retries=0, timeout=600_000) as client:
            outcome = client.call("echo", "hello")
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, TIMEOUT_EXCEPTION)


def test_attachments_are_changed_on_both_sides(consumer, provider, start) -> None:
    with consumer.client(start(shown("changes", "changes"))) as client:
        outcome = client.call("echo", "hello", user="jason", secret="x", groups="a", mine="kept")
    seen = provider.next_call()["attachments"]
    wanted = {"region": "eu", "caller": "jason", "groups": "a,mesh", "mine": "kept"}
    assert {name: seen.get(name) for name in wanted} == wanted
    assert seen["client-address"].startswith("127.0.0.1:")
    assert "secret" not in seen
    assert outcome["same"] is True
    assert outcome["attachments"]["served-by"] == f"127.0.0.1:{provider.ports['hessian2']}"
    assert outcome["attachments"]["lane"] == "stable"


@pytest.mark.parametrize("status", [31, 100])
def test_a_status_is_tried_again_on_another_provider(consumer, provider, start, status: int) -> None:
    """A consumer without retries of its own sees no error, though half of the servers answer nothing else."""
    with serving(DUBBO.codec, failing(DUBBO, status)) as broken:
        ports = (broken.port, provider.ports["hessian2"])
        port = start(shown("retries", "retries"), shown("retries", "round-robin"), ports=ports)
        with consumer.client(port, retries=0) as client:
            for _ in range(6):
                assert client.call("echo", "hello").get("same") is True
        assert broken.received


def test_an_exception_of_the_service_is_not_tried_again(consumer, provider, start) -> None:
    with consumer.client(start(shown("retries", "retries"))) as client:
        assert client.call("fail", "runtime")["exception"] == "java.lang.IllegalStateException"
        assert client.call("echo", "hello")["same"] is True
    assert [provider.next_call()["called"] for _ in range(2)] == ["fail", "echo"]


@pytest.mark.parametrize("stopped", [DUBBO_2_7, DUBBO_3], ids=["2.7", "3"])
def test_a_provider_that_is_stopped_loses_no_call(running, provider, start, tmp_path: Path, stopped) -> None:
    """It is asked to end while calls go on, and resets are tried again elsewhere: the consumer sees nothing."""
    consumer = running(JavaConsumer, required(DUBBO_3))
    with JavaProvider(required(stopped), tmp_path, ["hessian2"]) as ending:
        ports = (ending.ports["hessian2"], provider.ports["hessian2"])
        port = start(shown("connections", "retry-resets"), ports=ports)
        with consumer.client(port, retries=0, timeout=600_000) as client:
            outcomes = [client.call("echo", "hello") for _ in range(20)]
            assert "called" in ending.next_call()
            ending.terminate()
            while ending.runs:
                outcomes.append(client.call("echo", "hello"))
            outcomes += [client.call("echo", "hello") for _ in range(20)]
        assert not [outcome["message"] for outcome in outcomes if outcome.get("same") is not True]


def test_a_call_that_a_policy_refuses_reaches_no_provider(consumer, version, provider, start_envoy, tmp_path) -> None:
    built_module()
    page = shown("authorization", "by-property").replace("21101", str(provider.ports["hessian2"]))
    port = LiveMesh(start_envoy, tmp_path / "mesh", page.replace("http-awesomerpc", "http-dubbo")).port
    with consumer.client(port, retries=0) as client:
        outcome = client.call("echo", "hello", user="tester-7")
        assert outcome["exception"] == version.rpc_exception
        assert "rbac_access_denied" in outcome["message"]
        assert client.call("echo", "hello", user="jason")["same"] is True
    assert provider.next_call()["attachments"]["user"] == "jason"


def test_a_call_over_a_limit_reaches_no_provider(consumer, version, provider, start) -> None:
    rules = shown("limits", "local").replace("{method: {exact: export}}", "{method: {exact: echo}}")
    with consumer.client(start(rules), retries=0) as client:
        assert [client.call("echo", "hello")["same"] for _ in range(2)] == [True] * 2
        outcome = client.call("echo", "hello")
        assert outcome["exception"] == version.rpc_exception
        assert "local_rate_limited (request " in outcome["message"]
        assert client.call("fail", "runtime")["exception"] == "java.lang.IllegalStateException"
    assert [provider.next_call()["called"] for _ in range(3)] == ["echo", "echo", "fail"]


@pytest.mark.parametrize("tracer", ["opentelemetry", "zipkin"])
def test_a_trace_goes_on_in_the_attachments(consumer, provider, start, tracer: str) -> None:
    """The provider gets the id of the span that the collector gets, for each call."""
    with collecting() as collector:
        port = start(shown("telemetry", tracer).replace("21106", str(collector.port)))
        with consumer.client(port) as client:
            for _ in range(5):
                assert client.call("echo", "hello")["same"] is True
        spans = collector.wait(5)
    seen = [provider.next_call()["attachments"] for _ in range(5)]
    if tracer == "zipkin":
        ids = [(one["x-b3-traceid"], one["x-b3-spanid"]) for one in seen]
    else:
        ids = [tuple(one["traceparent"].split("-")[1:3]) for one in seen]
    assert sorted(ids) == sorted((span.trace, span.id) for span in spans)
