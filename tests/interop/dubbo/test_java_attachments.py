"""A Java consumer calls a Java provider through a relay that adds an attachment to each request and each response."""

import pytest
from peers.dubbo_java import DUBBO_3, DUBBO_3_2, EXCEPTIONS, VERSIONS, assert_both_sides_see_what_is_added
from relay import running_relay

SPOKEN = [(version, "hessian2") for version in VERSIONS] + [(DUBBO_3_2, "fastjson2"), (DUBBO_3, "fastjson2")]
pytestmark = pytest.mark.parametrize(
    ("version", "serialization"),
    [pytest.param(*spoken, id=f"dubbo-{spoken[0].number}-{spoken[1]}") for spoken in SPOKEN],
    indirect=["version"],
)

# Method, argument, and what else the client is told.
CALLS = {
    "small": ("echo", "hello", {}),
    "unicode": ("echo", "unicode", {}),
    "a lone surrogate": ("echo", "lone surrogate", {}),
    "1 MB of text": ("echo", "text 1048576", {}),
    "1 MB of bytes": ("bytes", "1048576", {}),
    "null": ("echo", "null", {}),
    "empty": ("echo", "text 0", {}),
    "two primitive arguments": ("addLong", "-2147483649", {}),
    "shared objects": ("any", "shared", {}),
    "circular objects": ("node", "circle", {}),
    "1000 objects": ("any", "1000 objects", {}),
    "group and version": ("echo", "hello", {"group": "blue", "version": "1.2.3"}),
    "generic": ("echo", "unicode", {"generic": "true"}),
    "generic, an object": ("node", "somebody", {"generic": "true"}),
}


@pytest.fixture
def relay(serialization, provider, tmp_path):
    mutations = {"set": {"x-zone": "eu-1"}, "set_response": {"x-served-by": "relay 😀"}}
    with running_relay(tmp_path / "recorded", provider.ports[serialization], codec="dubbo", **mutations) as relay:
        yield relay


@pytest.mark.parametrize("name", CALLS)
def test_the_provider_sees_the_attachment_and_the_consumer_gets_its_answer(
    name, serialization, consumer, provider, relay
):
    if name == "a lone surrogate" and serialization == "fastjson2":
        pytest.skip("fastjson2 does not write it")
    method, argument, parameters = CALLS[name]
    call = method, argument, {"serialization": serialization, **parameters}
    assert_both_sides_see_what_is_added(call, consumer, provider, relay.port, "relay 😀")


@pytest.mark.parametrize(("kind", "exception"), EXCEPTIONS)
def test_exceptions_arrive_as_they_were_thrown(kind, exception, serialization, consumer, provider, relay):
    with consumer.client(relay.port, serialization=serialization) as client:
        outcome = client.call("fail", kind)
    lost = serialization == "fastjson2" and kind == "checked"  # also without the relay
    assert (outcome["exception"], outcome["message"]) == (exception, None if lost else "as asked for")
    assert outcome["attachments"]["x-served-by"] == "relay 😀"
    assert provider.next_call()["attachments"]["x-zone"] == "eu-1"


def test_generic_exceptions_arrive_with_the_class_of_the_cause(serialization, consumer, provider, relay):
    with consumer.client(relay.port, generic="true", serialization=serialization) as client:
        outcome = client.call("fail", "checked")
    assert outcome["exception"].endswith("GenericException")
    assert outcome["message"].startswith("org.example.interop.Trouble: as asked for")
    assert provider.next_call()["attachments"]["x-zone"] == "eu-1"


def test_a_oneway_call_arrives_with_the_attachment_and_the_next_call_is_answered(
    serialization, consumer, provider, relay
):
    with consumer.client(relay.port, serialization=serialization) as client:
        client.call("note", "something")
        assert client.call("echo", "hello")["same"] is True
    calls = [provider.next_call() for _ in range(2)]
    assert sorted(call["called"] for call in calls) == ["echo", "note something"]
    assert [call["attachments"]["x-zone"] for call in calls] == ["eu-1", "eu-1"]


def test_answers_that_overtake_each_other_find_their_calls(version, serialization, consumer, provider, relay):
    if not version.has_futures:
        pytest.skip(f"the services of Dubbo {version.number} answer one after the other")
    with consumer.client(relay.port, serialization=serialization) as client:
        assert client.call("meet", "8")["same"] is True
    assert [provider.next_call()["attachments"]["x-zone"] for _ in range(8)] == ["eu-1"] * 8


def test_an_attachment_is_replaced_and_another_removed(serialization, consumer, provider, tmp_path):
    changes = {"set": {"mine": "größer"}, "remove": ["secret"], "remove_response": ["answered"]}
    with (
        running_relay(tmp_path / "recorded", provider.ports[serialization], codec="dubbo", **changes) as relay,
        consumer.client(relay.port, serialization=serialization) as client,
    ):
        outcome = client.call("echo", "hello", mine="first", secret="here", answer="yes", other="kept")
    assert outcome["same"] is True
    seen = provider.next_call()["attachments"]
    assert (seen["mine"], seen["other"], "secret" in seen) == ("größer", "kept", False)
    assert "answered" not in outcome["attachments"]


def test_an_attachment_that_is_set_is_found_by_its_name(serialization, consumer, provider, tmp_path):
    """The provider looks for `answer`, and answers with its value."""
    mutations = {"set": {"answer": "größer als 世"}}
    with (
        running_relay(tmp_path / "recorded", provider.ports[serialization], codec="dubbo", **mutations) as relay,
        consumer.client(relay.port, serialization=serialization) as client,
    ):
        assert client.call("echo", "hello")["attachments"]["answered"] == "größer als 世"


def test_without_a_relay_the_attachments_are_not_there(serialization, consumer, provider):
    with consumer.client(provider.ports[serialization], serialization=serialization) as client:
        outcome = client.call("echo", "hello", answer="yes")
    assert outcome["attachments"]["answered"] == "yes"
    assert "x-served-by" not in outcome["attachments"]
    assert "x-zone" not in provider.next_call()["attachments"]
