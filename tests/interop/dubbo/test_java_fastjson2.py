"""Java peers that speak fastjson2, through a relay that changes the attachments of requests and responses."""

import pytest
from peers.dubbo_java import DUBBO_3, DUBBO_3_2, EXCEPTIONS, assert_both_sides_see_what_is_added
from relay import running_relay

pytestmark = pytest.mark.parametrize(
    "version", [DUBBO_3_2, DUBBO_3], ids=lambda version: f"dubbo-{version.number}", indirect=True
)

SPOKEN = {"serialization": "fastjson2"}
CALLS = {
    "small": ("echo", "hello", SPOKEN),
    "unicode": ("echo", "unicode", SPOKEN),
    "1 MB of bytes": ("bytes", "1048576", SPOKEN),
    "null": ("echo", "null", SPOKEN),
    "an object": ("node", "object", SPOKEN),
    "group and version": ("echo", "hello", {"group": "blue", "version": "1.2.3", **SPOKEN}),
    "generic": ("echo", "unicode", {"generic": "true", **SPOKEN}),
}


@pytest.fixture
def relay(provider, tmp_path):
    mutations = {"set": {"x-zone": "eu-1"}, "set_response": {"x-served-by": "relay 😀"}}
    with running_relay(tmp_path / "recorded", provider.ports["fastjson2"], codec="dubbo", **mutations) as relay:
        yield relay


@pytest.mark.parametrize("name", CALLS)
def test_the_provider_sees_the_attachment_and_the_consumer_gets_its_answer(name, consumer, provider, relay):
    assert_both_sides_see_what_is_added(CALLS[name], consumer, provider, relay.port, "relay 😀")


@pytest.mark.parametrize(("kind", "exception"), EXCEPTIONS)
def test_exceptions_arrive_as_without_the_relay(kind, exception, consumer, provider, relay):
    """In fastjson2 a checked exception loses its message."""
    with (
        consumer.client(relay.port, **SPOKEN) as client,
        consumer.client(provider.ports["fastjson2"], **SPOKEN) as alone,
    ):
        outcome, expected = client.call("fail", kind), alone.call("fail", kind)
    assert (outcome["exception"], outcome["message"]) == (exception, expected["message"])
    assert outcome["attachments"]["x-served-by"] == "relay 😀"
    assert provider.next_call()["attachments"]["x-zone"] == "eu-1"


def test_attachments_are_replaced_and_removed_in_both_directions(consumer, provider, tmp_path):
    changes = {"set": {"mine": "größer"}, "remove": ["secret"], "remove_response": ["answered"]}
    with (
        running_relay(tmp_path / "recorded", provider.ports["fastjson2"], codec="dubbo", **changes) as relay,
        consumer.client(relay.port, **SPOKEN) as client,
    ):
        outcome = client.call("echo", "hello", mine="first", secret="here", answer="yes", other="kept")
    assert outcome["same"] is True
    seen = provider.next_call()["attachments"]
    assert (seen["mine"], seen["other"], "secret" in seen) == ("größer", "kept", False)
    assert "answered" not in outcome["attachments"]


def test_an_attachment_that_is_set_is_found_by_its_name(consumer, provider, tmp_path):
    """The provider looks for `answer`, and answers with its value."""
    mutations = {"set": {"answer": "größer als 世"}}
    with (
        running_relay(tmp_path / "recorded", provider.ports["fastjson2"], codec="dubbo", **mutations) as relay,
        consumer.client(relay.port, **SPOKEN) as client,
    ):
        assert client.call("echo", "hello")["attachments"]["answered"] == "größer als 世"


def test_without_a_relay_the_attachments_are_not_there(consumer, provider):
    with consumer.client(provider.ports["fastjson2"], **SPOKEN) as client:
        outcome = client.call("echo", "hello", answer="yes")
    assert outcome["attachments"]["answered"] == "yes"
    assert "x-served-by" not in outcome["attachments"]
    assert "x-zone" not in provider.next_call()["attachments"]
