"""A Java consumer calls a Java provider through a relay that adds an attachment to each request and each response."""

import pytest
from peers.dubbo_java import EXCEPTIONS, VERSIONS, assert_both_sides_see_what_is_added
from relay import running_relay

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
def relay(provider, tmp_path):
    mutations = {"set": {"x-zone": "eu-1"}, "set_response": {"x-served-by": "relay 😀"}}
    with running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **mutations) as relay:
        yield relay


@pytest.mark.parametrize("name", CALLS)
def test_the_provider_sees_the_attachment_and_the_consumer_gets_its_answer(name, consumer, provider, relay):
    assert_both_sides_see_what_is_added(CALLS[name], consumer, provider, relay.port, "relay 😀")


@pytest.mark.parametrize(("kind", "exception"), EXCEPTIONS)
def test_exceptions_arrive_as_they_were_thrown(kind, exception, consumer, provider, relay):
    with consumer.client(relay.port) as client:
        outcome = client.call("fail", kind)
    assert (outcome["exception"], outcome["message"]) == (exception, "as asked for")
    assert outcome["attachments"]["x-served-by"] == "relay 😀"
    assert provider.next_call()["attachments"]["x-zone"] == "eu-1"


def test_generic_exceptions_arrive_with_the_class_of_the_cause(consumer, provider, relay):
    with consumer.client(relay.port, generic="true") as client:
        outcome = client.call("fail", "checked")
    assert outcome["exception"].endswith("GenericException")
    assert outcome["message"].startswith("org.example.interop.Trouble: as asked for")
    assert provider.next_call()["attachments"]["x-zone"] == "eu-1"


def test_a_oneway_call_arrives_with_the_attachment_and_the_next_call_is_answered(consumer, provider, relay):
    with consumer.client(relay.port) as client:
        client.call("note", "something")
        assert client.call("echo", "hello")["same"] is True
    calls = [provider.next_call() for _ in range(2)]
    assert sorted(call["called"] for call in calls) == ["echo", "note something"]
    assert [call["attachments"]["x-zone"] for call in calls] == ["eu-1", "eu-1"]


@pytest.mark.parametrize(
    "version",
    [version for version in VERSIONS if version.has_futures],
    ids=lambda version: f"dubbo-{version.number}",
    indirect=True,
)
def test_answers_that_overtake_each_other_find_their_calls(consumer, provider, relay):
    with consumer.client(relay.port) as client:
        assert client.call("meet", "8")["same"] is True
    assert [provider.next_call()["attachments"]["x-zone"] for _ in range(8)] == ["eu-1"] * 8


def test_an_attachment_is_replaced_and_another_removed(consumer, provider, tmp_path):
    changes = {"set": {"mine": "changed"}, "remove": ["secret"], "remove_response": ["answered"]}
    with (
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **changes) as relay,
        consumer.client(relay.port) as client,
    ):
        outcome = client.call("echo", "hello", mine="first", secret="here", answer="yes", other="kept")
    assert outcome["same"] is True
    seen = provider.next_call()["attachments"]
    assert (seen["mine"], seen["other"], "secret" in seen) == ("changed", "kept", False)
    assert "answered" not in outcome["attachments"]


def test_without_a_relay_the_attachments_are_not_there(consumer, provider):
    with consumer.client(provider.ports["hessian2"]) as client:
        outcome = client.call("echo", "hello", answer="yes")
    assert outcome["attachments"]["answered"] == "yes"
    assert "x-served-by" not in outcome["attachments"]
    assert "x-zone" not in provider.next_call()["attachments"]
