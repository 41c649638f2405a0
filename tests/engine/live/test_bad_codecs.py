"""A codec that raises, loops or returns nonsense ends its connection, and no other."""

import os
import signal
import time
from contextlib import suppress

import pytest
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, serving
from live_engine.toys import Fifo, Misbehaving, build
from live_envoy import Envoy, EnvoyFault
from live_envoy.config import bootstrap, route

from metaprotocol_mesh.render import watchdogs

pytestmark = pytest.mark.live

CODEC = Fifo()
PREFIX = "dynamicmodulescustom.metaprotocol."
SET = ("set message=text", "set message=None", "set message_type=foo", "set message_type=None")


@pytest.fixture
def envoy(start_envoy):
    added = {"header": {"key": "x", "value": "y"}}
    routes = [
        {**route("up", headers={"body": f"{what}@encode"}), "request_headers_to_add": [added]}
        for what in ("raise", "exit", "nonsense", "loop", "swallow", "recursion", "c")
    ]
    routes += [route("up", headers={"body": "fine"})]
    answers = ("raise", "exit", "nonsense", "loop", "swallow", *SET)
    routes += [route("up", headers={"body": f"{what}@answer"}) for what in answers]
    with serving(CODEC, lambda message, connection: build(b"R", message.properties["body"])) as server:
        listener = codec_listener(f"live_engine.toys:{Misbehaving.__name__}", routes, codec_deadline=200)
        yield start_envoy(bootstrap([listener], [bridged("up", server.port)]), workers=2)


def test_decode(envoy):
    for what in ("raise", "exit", "nonsense", "loop", "swallow", "recursion"):
        with Client(CODEC, envoy.port("in")) as client, Client(CODEC, envoy.port("in")) as other:
            assert other.call(build(b"Q", "fine")).properties["body"] == "fine"
            client.send(build(b"Q", f"{what}@decode"))
            assert client.ended(), what
            assert other.call(build(b"Q", "fine")).properties["body"] == "fine"
    assert envoy.stat(PREFIX + "deadlines") == 2
    assert envoy.stat(PREFIX + "codec_exceptions") == 4


@pytest.mark.parametrize("where", ["encode", "answer"])
def test_encode_and_answers(envoy, where):
    for what in ("raise", "exit", "nonsense", "loop", "swallow"):
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"Q", f"{what}@{where}"))
            with suppress(EOFError):
                assert client.receive().message_type == "exception", what
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"Q", "fine")).properties["body"] == "fine"
    assert envoy.stat(PREFIX + "deadlines") == 2
    assert envoy.stat(PREFIX + "codec_exceptions") == 3


def test_fields_that_decode_sets_to_nonsense(envoy):
    for what in SET:
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"Q", f"{what}@decode"))
            assert client.ended(), what
    assert envoy.stat(PREFIX + "codec_exceptions") == len(SET)


def test_fields_of_an_answer_that_decode_sets_to_nonsense(envoy):
    for what in SET:
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(build(b"Q", f"{what}@answer")).properties["body"] == "bad_response", what
    assert envoy.stat(PREFIX + "codec_exceptions") == len(SET)


def test_on_error(envoy):
    for what in ("raise", "exit", "nonsense", "loop", "swallow", "recursion"):
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"Q", f"{what}@on_error"))  # there is no route for it
            assert client.ended(), what
    assert envoy.stat(PREFIX + "deadlines") == 2
    assert envoy.stat(PREFIX + "codec_exceptions") == 4


def test_what_cannot_be_interrupted_is_counted_when_it_ends(envoy):
    with Client(CODEC, envoy.port("in")) as client:
        client.send(build(b"Q", "c@decode"))
        assert client.ended()
    assert envoy.stat(PREFIX + "deadlines") == 1


def test_what_never_ends_is_ended_by_envoys_watchdog(release):
    """And the whole process with it: its worker is in the codec, and the codec in C. `mesh run` has this watchdog."""
    listener = codec_listener("live_engine.toys:Misbehaving", [route("up")], codec_deadline=200)
    with Envoy(release, bootstrap([listener], [bridged("up")], watchdogs=watchdogs(kill=2))) as envoy:
        with Client(CODEC, envoy.port("in")) as client:
            client.send(build(b"Q", "c without end@decode"))
            assert client.ended()
        with pytest.raises(EnvoyFault, match="has died: signal SIGABRT"):
            envoy.wait_for_log("a line that is never written")
        with pytest.raises(EnvoyFault, match="has died"):
            envoy.stop()


def test_a_process_that_stands_still_makes_no_call_late(envoy):
    """As on a machine that is overloaded or paused. The codec is within its deadline, and the process is not."""
    for number in range(1, 6):
        with Client(CODEC, envoy.port("in")) as client:
            since = len(envoy.log)
            client.send(build(b"Q", "nap@decode"))
            envoy.wait_for_log("the codec naps", since)
            os.kill(envoy.pid, signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(envoy.pid, signal.SIGCONT)
            assert client.receive().message_type == "exception"  # there is no route for it
        assert envoy.stat(PREFIX + "local_replies.route_not_found") == number
    assert envoy.stat(PREFIX + "deadlines") == 0


@pytest.mark.parametrize(
    ("name", "counter"),
    [
        ("Unconnectable", "codec_exceptions"),
        ("UnconnectableNone", "codec_exceptions"),
        ("UnconnectableLoop", "deadlines"),
    ],
)
def test_for_connection(start_envoy, name, counter):
    with serving(CODEC, lambda message, connection: build(b"R", "")) as server:
        listener = codec_listener(f"live_engine.toys:{name}", [route("up")], codec_deadline=200)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        for number in range(1, 4):
            with Client(CODEC, envoy.port("in")) as client:
                assert client.ended()
            envoy.wait_for_stat(PREFIX + counter, lambda value, number=number: value == number)
        assert not [line for line in envoy.log if "envoy bug" in line or "Traceback" in line]
        if counter == "codec_exceptions":
            envoy.wait_for_log("a bug in it")
            assert len([line for line in envoy.log if "a bug in it" in line]) == 1
