"""The relay answers a Java consumer in the provider's place: it fails at once, as Java fails, with our text.

The consumers' timeout is ten minutes and no test waits as long for an answer.
"""

import pytest
from peers.dubbo_java import VERSIONS
from relay import running_relay

from metaprotocol_sdk import ErrorType

# Constants of org.apache.dubbo.rpc.RpcException.
NETWORK_EXCEPTION, TIMEOUT_EXCEPTION = 1, 2

OTHER_SERIALIZATIONS = [
    pytest.param(version, name, id=f"dubbo-{version.number}-{name}")
    for version in VERSIONS
    for name in version.serializations
    if name != "hessian2"
]
TEXT = "the mesh says 不 😀"


def error_of(consumer, folder, error_type, *, attempts=1, **parameters):
    """Return what a consumer makes of a reply that reports an error of this type, and count its attempts."""
    with (
        running_relay(folder / "recorded", None, codec="dubbo", reply_error=error_type, reply_message=TEXT) as relay,
        consumer.client(relay.port, timeout=600_000, retries=attempts - 1, **parameters) as client,
    ):
        outcome = client.call("echo", "hello")
        assert outcome["ids"] == attempts
        return outcome


@pytest.mark.parametrize("error_type", [each.value for each in ErrorType if each is not ErrorType.TIMEOUT])
def test_an_error_reply_is_a_network_exception_with_our_text(error_type, version, consumer, tmp_path):
    outcome = error_of(consumer, tmp_path, error_type)
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, NETWORK_EXCEPTION)
    assert TEXT in outcome["message"]


def test_a_timeout_reply_is_a_timeout_exception(version, consumer, tmp_path):
    outcome = error_of(consumer, tmp_path, "timeout")
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, TIMEOUT_EXCEPTION)


@pytest.mark.parametrize("error_type", ["no_healthy_upstream", "timeout"])
def test_a_consumer_with_retries_asks_again(error_type, version, consumer, tmp_path):
    outcome = error_of(consumer, tmp_path, error_type, attempts=3)
    assert outcome["exception"] == version.rpc_exception


@pytest.mark.parametrize(("version", "serialization"), OTHER_SERIALIZATIONS, indirect=["version"])
@pytest.mark.parametrize(("error_type", "code"), [("over_limit", NETWORK_EXCEPTION), ("timeout", TIMEOUT_EXCEPTION)])
def test_a_consumer_that_speaks_another_serialization_reads_the_reply(
    error_type, code, version, serialization, consumer, tmp_path
):
    outcome = error_of(consumer, tmp_path, error_type, serialization=serialization)
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, code)
    assert code == TIMEOUT_EXCEPTION or TEXT in outcome["message"]


def test_a_generic_call_fails_in_the_same_way(version, consumer, tmp_path):
    outcome = error_of(consumer, tmp_path, "unauthorized", generic="true")
    assert (outcome["exception"], outcome["code"]) == (version.rpc_exception, NETWORK_EXCEPTION)
    assert TEXT in outcome["message"]


def test_a_oneway_call_is_not_answered_and_the_connection_goes_on(consumer, tmp_path):
    with (
        running_relay(tmp_path / "recorded", None, codec="dubbo", reply_error="over_limit") as relay,
        consumer.client(relay.port) as client,
    ):
        assert client.call("note", "something")["same"] is True
        assert client.call("echo", "hello")["code"] == NETWORK_EXCEPTION
    assert len(relay.manifest) == 1
