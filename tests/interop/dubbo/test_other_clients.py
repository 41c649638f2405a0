"""Clients in other languages call Java through a relay that changes what they send, and what they get."""

import pytest
from peers.cache import NotInstalled
from peers.dubbo_clients import CLIENTS, OtherClient
from peers.dubbo_java import DUBBO_2_7, DUBBO_3, required
from relay import running_relay
from required import require

(PYTHON3_DUBBO,) = (kind for kind in CLIENTS if kind.name == "python3-dubbo")


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.name)
def kind(request):
    try:
        request.param.prepare()
    except NotInstalled as error:
        require("interop", f"{request.param.name}: {error}")
    return request.param


@pytest.fixture(params=[DUBBO_2_7, DUBBO_3], ids=lambda version: f"dubbo-{version.number}")
def version(request):
    return required(request.param)


@pytest.fixture
def client(kind, provider, tmp_path):
    changes = {"set": {"x-zone": "eu-1"}}
    if kind.reads_attachments:
        changes["set_response"] = {"x-served-by": "relay"}
    with (
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", **changes) as relay,
        OtherClient(kind, relay.port, tmp_path) as client,
    ):
        yield client


def test_the_provider_sees_the_attachment_and_the_client_gets_its_answers(kind, client, provider):
    for method, arguments in kind.calls:
        outcome = client.call(method, arguments)
        expected = sum(arguments) if method == "addInt" else arguments[0]
        assert outcome == {"value": expected}, (method, arguments)
        seen = provider.next_call()
        assert (seen["called"], seen["attachments"]["x-zone"]) == (method, "eu-1")


def test_an_exception_arrives_and_the_connection_goes_on(client, provider):
    assert "as asked for" in client.call("fail", ["runtime"])["error"]
    assert client.call("echo", ["again"]) == {"value": "again"}
    assert [provider.next_call()["attachments"]["x-zone"] for _ in range(2)] == ["eu-1", "eu-1"]


def test_an_error_reply_is_an_error_with_our_text(kind, tmp_path):
    # Not over_limit: the packages for Python do not know its status, 100, and wait for ever.
    with (
        running_relay(
            tmp_path / "recorded", None, codec="dubbo", reply_error="no_healthy_upstream", reply_message="nobody there"
        ) as relay,
        OtherClient(kind, relay.port, tmp_path) as client,
    ):
        assert "nobody there" in client.call("echo", ["hello"])["error"]


@pytest.mark.parametrize(("kind", "version"), [(PYTHON3_DUBBO, DUBBO_2_7)], ids=["python3-dubbo"], indirect=True)
def test_a_request_that_cannot_be_read_is_answered_and_the_connection_goes_on(kind, provider, tmp_path):
    with (
        running_relay(tmp_path / "recorded", provider.ports["hessian2"], codec="dubbo", status=1) as relay,
        OtherClient(kind, relay.port, tmp_path) as client,
    ):
        # This client writes the length of a text in 16 bits, whatever it is.
        assert "attachments are a map" in client.call("echo", ["x" * 70_000])["error"]
        assert client.call("echo", ["hello"]) == {"value": "hello"}
    assert provider.next_call()["called"] == "echo"
    assert len(relay.manifest) == 1
