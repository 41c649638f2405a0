"""An allocation that fails ends its request or its connection, is counted, and takes nothing else with it."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from live_engine.awesome import CODEC, ONEWAY, replying, request
from live_engine.config import bridged, built_module, codec_listener, python_filter
from live_engine.peers import Client, serving
from live_engine.streams import Streams
from live_engine.streams import build as stream
from live_engine.toys import Fifo
from live_engine.toys import build as toy
from live_envoy.config import bootstrap, route

pytestmark = pytest.mark.live

STREAMS = Streams()
PREFIX = "dynamicmodulescustom.metaprotocol."
SUPPORT = Path(__file__).parents[2] / "support" / "live_engine"
BUILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("compile", sys.argv[1])
compile_ = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compile_)
compiler = compile_.system_compiler() or compile_.zig()
compile_.build_module(Path(sys.argv[2]), [*compiler, "-include", sys.argv[3]])
"""

# Function, first call that fails, how many fail. An error answers what can be answered.
FAULTS = [
    *(f"python_headers:{call}:1" for call in (1, 2, 3, 4, 40, 120, 260, 330)),
    *("make_context:1:1", "make_context:3:2", "reply_new:1:1", "reply_new:1:2", "respond_with:1:1"),
    *("exchange_add:1:1", "request_new:1:1", "abi_bridge_request_headers:1:1"),
]


@pytest.fixture(scope="session")
def faulty_module(tmp_path_factory):
    """The module, made so that an allocation fails that the environment names."""
    native = Path(__file__).parents[3] / "engine" / "native" / "compile.py"
    output = tmp_path_factory.mktemp("faulty") / built_module().name
    subprocess.run([sys.executable, "-c", BUILD, str(native), str(output), str(SUPPORT / "faults.h")], check=True)
    return output


@pytest.fixture
def start(start_envoy, faulty_module):
    """Start an Envoy in which each message is changed both ways, and a filter in Python sees it."""

    def start_(server, fault):
        action = route("up")
        tag = {"header": {"key": "tag", "value": "t"}}
        routes = [{**action, "request_headers_to_add": [tag], "response_headers_to_add": [tag]}]
        listener = codec_listener("awesomerpc", routes, python_filter("live_engine.filters:Tag", "x"))
        config = json.dumps(bootstrap([listener], [bridged("up", server.port)]))
        config = config.replace(str(built_module()), str(faulty_module))
        return start_envoy(json.loads(config), environment={"METAPROTOCOL_FAULT": fault})

    return start_


def counted(envoy):
    names = ("codec_exceptions", "filter_exceptions", "in_flight_over_limit", "forged_requests")
    return sum(envoy.stat(PREFIX + name) for name in names)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_lacks_memory_is_answered_or_its_connection_ends(start, fault):
    many = {f"k{number}": "v" for number in range(60)}
    with serving(CODEC, replying(b"fine", headers=many)) as server:
        envoy = start(server, fault)
        with Client(CODEC, envoy.port("in")) as client, suppress(EOFError, ConnectionError):
            assert client.call(request(1, many)).status_code != 0
        assert counted(envoy) > 0
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(2, many)).status_code == 0
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


@pytest.mark.parametrize("fault", ["messages_add:1:1", "messages_add:2:1", "exchange_push:1:1", "exchange_push:2:1"])
def test_a_stream_that_lacks_memory_for_a_message_ends(start_envoy, faulty_module, fault):
    """It goes on without a message for nobody: what is lost would be missed by the rest."""

    def handle(message, connection):
        number = message.stream_id
        answers = {b"I": stream(b"A", number), b"D": stream(b"D", number, b"one") + stream(b"D", number, b"two")}
        return answers.get(message.message[:1])

    def talk(port):
        """Return what comes until the stream or the connection ends, or the second answer."""
        seen = []
        with Client(STREAMS, port) as client, suppress(EOFError, ConnectionError):
            client.send(stream(b"I", 1) + stream(b"D", 1, b"go"))
            while seen[-1:] not in ([b"overflow"], [b"two"]):
                message = client.receive().message
                seen.append(message[4:] or message[:1])
        return seen

    with serving(STREAMS, handle) as server:
        listener = codec_listener("live_engine.streams:Streams", [route("up", timeout="0s")])
        config = json.dumps(bootstrap([listener], [bridged("up", server.port)]))
        config = config.replace(str(built_module()), str(faulty_module))
        envoy = start_envoy(json.loads(config), environment={"METAPROTOCOL_FAULT": fault})
        assert b"two" not in talk(envoy.port("in"))
        assert counted(envoy) > 0
        assert talk(envoy.port("in")) == [b"A", b"one", b"two"]


def test_a_stream_that_cannot_be_kept_in_mind_is_reset(start_envoy, faulty_module):
    """A oneway without an id, whose connection the server has not closed."""
    codec = Fifo()
    with serving(codec, lambda message, connection: None) as server:
        config = json.dumps(
            bootstrap([codec_listener("live_engine.toys:Fifo", [route("up")])], [bridged("up", server.port)])
        )
        config = config.replace(str(built_module()), str(faulty_module))
        envoy = start_envoy(json.loads(config), environment={"METAPROTOCOL_FAULT": "exchange_linger:1:1"})
        with Client(codec, envoy.port("in")) as client:
            client.send(toy(b"O", "one"))
            envoy.wait_for_stat("cluster.up.upstream_rq_total", bool)
            envoy.wait_for_stat("http.http.downstream_rq_active", lambda value: value == 0)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_oneway_that_lacks_memory_leaves_nothing(start):
    with serving(CODEC, replying(b"fine")) as server:
        envoy = start(server, "reply_new:1:1")
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1, kind=ONEWAY))
            envoy.wait_for_stat(PREFIX + "in_flight_over_limit", lambda value: value == 1)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            assert client.call(request(2)).status_code == 0
        envoy.wait_for_stat("http.http.downstream_rq_active", lambda value: value == 0)
