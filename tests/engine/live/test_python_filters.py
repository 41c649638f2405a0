"""Filters in Python between Envoy's own."""

from pathlib import Path

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import bridged, codec_listener, http_filter, python_filter
from live_engine.peers import Client, serving
from live_envoy import EnvoyFault
from live_envoy.config import bootstrap, route

pytestmark = pytest.mark.live

EXAMPLES = str(Path(__file__).parents[3] / "examples" / "filters")


@pytest.fixture(autouse=True)
def _examples(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)


@pytest.fixture
def server():
    with serving(CODEC, replying()) as serving_:
        yield serving_


def start(start_envoy, server, *filters, routes=None, clusters=(), **settings):
    listener = codec_listener("awesomerpc", routes or [route("up")], *filters, **settings)
    return start_envoy(bootstrap([listener], [bridged("up", server.port), *clusters]))


def call(envoy, headers, **fields):
    with Client(CODEC, envoy.port("in")) as client:
        return client.call(request(1, headers, **fields))


def test_a_filter_answers_by_a_property(start_envoy, server):
    rules = "reviews/* User=jason"
    envoy = start(start_envoy, server, python_filter("live_engine.filters:Allow", rules))
    assert call(envoy, {"service": "reviews", "User": "jason"}).status_code == 0
    answer = call(envoy, {"service": "reviews", "User": "mary"})
    assert (answer.status_code, body(answer)) == (7, b"mary may not call reviews/7")
    assert len(server.received) == 1
    assert envoy.stat("dynamicmodulescustom.metaprotocol.local_replies.unauthorized") == 1


def test_a_filter_before_admission_lets_nothing_pass(start_envoy, server):
    listener = codec_listener("awesomerpc", [route("up")])
    filters = listener["filter_chains"][0]["filters"][1]["typed_config"]["http_filters"]
    filters.insert(0, python_filter("live_engine.filters:Allow", "nothing a=b"))
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
    for _ in range(2):
        assert call(envoy, {"service": "reviews"}).status_code != 0
    assert server.received == []
    assert envoy.stat("dynamicmodulescustom.metaprotocol.filter_exceptions") == 2
    envoy.wait_for_log("stands before `admission`")
    assert len([line for line in envoy.log if "stands before `admission`" in line]) == 1


def test_a_filter_changes_requests_and_responses(start_envoy, server):
    envoy = start(start_envoy, server, python_filter("live_engine.filters:Tag", "Blue"))
    answer = call(envoy, {"service": "reviews", "Old": "1", "Both": "x"})
    assert server.received[0].properties == {"cmd": "7", "service": "reviews", "Both": "xx", "Tag-Of": "Blue"}
    assert answer.properties == {"cmd": "7", "Seen-By": "Blue", "Asked": "reviews/7"}


def test_a_change_of_a_filter_chooses_the_route(start_envoy, server):
    with serving(CODEC, replying(b"other")) as other:
        routes = [route("other", headers={"tag-of": "Blue"}), route("up")]
        clusters = [bridged("other", other.port)]
        envoy = start(
            start_envoy, server, python_filter("live_engine.filters:Tag", "Blue"), routes=routes, clusters=clusters
        )
        assert body(call(envoy, {"service": "reviews"})) == b"other"


PAIRS = (("Tag", "Blue"), ("Allow", "* Tag-Of=Blue"))


def test_a_filter_sees_what_the_one_before_has_changed(start_envoy, server):
    filters = [
        python_filter("live_engine.filters:Tag", "Blue"),
        python_filter("live_engine.filters:Allow", "* Tag-Of=Blue"),
    ]
    envoy = start(start_envoy, server, *filters)
    assert call(envoy, {"service": "reviews"}).status_code == 0


def test_a_filter_is_told_where_a_request_comes_from(start_envoy, server):
    envoy = start(start_envoy, server, python_filter("live_engine.filters:Where"))
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(1))
        peer = "{}:{}".format(*client.socket.getsockname())
    seen = server.received[0].properties
    assert seen["peer"] == peer
    assert seen["listener"] == f"127.0.0.1:{envoy.port('in')}"
    assert (seen["principal"], seen["server-name"]) == ("", "")


@pytest.mark.parametrize("what", ["raise", "exit", "nonsense", "loop"])
def test_a_filter_that_fails_lets_nothing_pass(start_envoy, server, what):
    envoy = start(start_envoy, server, python_filter("live_engine.filters:Misbehaving"), codec_deadline=200)
    assert call(envoy, {"do": what}).status_code == 255
    assert server.received == []
    assert call(envoy, {"do": "nothing"}).status_code == 0
    assert call(envoy, {"do": "fail response"}).status_code == 255
    counts = envoy.stats("metaprotocol.filter_")
    assert sorted(counts.values()) == ([1, 1] if what == "loop" else [0, 2])


def test_plain_http_does_not_meet_a_filter(start_envoy, server):
    import socket

    filters = [python_filter("live_engine.filters:Misbehaving")]
    envoy = start(start_envoy, server, *filters, hcm={"codec_type": "AUTO"}, foreign="pass")
    with socket.create_connection(("127.0.0.1", envoy.port("in"))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\ndo: raise\r\n\r\n")
        assert b" 400 " in client.recv(1000)


def test_the_example_that_authorizes(start_envoy, server, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("# operation caller\nratings/* User=mary\nreviews/7 User=jason\n")
    envoy = start(start_envoy, server, python_filter("authorize:Authorize", str(rules)))
    assert call(envoy, {"service": "reviews", "User": "jason"}).status_code == 0
    assert call(envoy, {"service": "ratings", "User": "jason"}).status_code == 7
    assert call(envoy, {"service": "ratings", "User": "mary"}).status_code == 0


def test_the_example_that_adds_a_header(start_envoy, server):
    envoy = start(start_envoy, server, python_filter("add_header:AddHeader"))
    answer = call(envoy, {"caller": "somebody else"})
    assert server.received[0].properties["caller"].startswith("127.0.0.1:")
    assert answer.properties["answered-by"] == f"127.0.0.1:{envoy.port('in')}"


@pytest.mark.parametrize(
    ("filter_", "problem"),
    [
        (
            lambda: python_filter("live_engine.filters:Nowhere"),
            "metaprotocol: there is no filter 'live_engine.filters:No",
        ),
        (lambda: http_filter("nosuch"), "there is no such HTTP filter"),
    ],
    ids=["python", "nosuch"],
)
def test_a_filter_that_cannot_be_loaded_is_named(start_envoy, server, filter_, problem):
    with pytest.raises(EnvoyFault, match=problem) as fault:
        start(start_envoy, server, filter_())
    assert "Traceback" not in str(fault.value)
