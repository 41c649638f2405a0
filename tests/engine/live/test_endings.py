"""What ends in the middle: connections, streams and listeners, with messages under way."""

import json
import socket
import threading
from contextlib import suppress

import pytest
from live_engine.awesome import CODEC, body, reply, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, released, serving
from live_engine.streams import Streams
from live_engine.streams import build as stream
from live_engine.toys import Large
from live_envoy.config import bootstrap, route
from patience import PATIENCE

pytestmark = pytest.mark.live

PREFIX = "dynamicmodulescustom.metaprotocol."


def large(kind, size):
    return kind + size.to_bytes(4) + bytes(size)


@pytest.mark.parametrize("ends", ["closing reply", "closing reply to half a message", "half close"])
def test_a_long_oneway_reaches_the_server_whole_though_the_connection_ends_with_a_reply(start_envoy, ends):
    """The reply that closes the connection comes at once; the server reads the message before it later."""
    message = large(b"O", 9_000_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = codec_listener("live_engine.toys:LargeClosing", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.getsockname()[1])]))
        with Client(Large(), envoy.port("in")) as client:
            client.send(message + (b"" if ends == "half close" else large(b"?", 0)) + (b"Q" * (ends[-1] == "e")))
            if ends == "half close":
                client.socket.shutdown(socket.SHUT_WR)
            envoy.wait_for_stat("cluster.up.upstream_rq_200", lambda value: value == 1)
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as got:
                connection.settimeout(PATIENCE)
                assert got.read() == message
            if ends != "half close":
                assert client.receive().message[:1] == b"E"
            assert client.ended()
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_stream_that_is_idle_too_long_ends_with_a_timeout(start_envoy):
    codec = Streams()

    def accept(message, connection):
        return stream(b"A", message.stream_id) if message.message[:1] == b"I" else None

    with serving(codec, accept) as server:
        hcm = {"stream_idle_timeout": "0.3s"}
        listener = codec_listener("live_engine.streams:Streams", [route("up", timeout="0s")], hcm=hcm)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as client:
            assert client.call(stream(b"I", 1)).message == stream(b"A", 1)
            assert client.receive().message == stream(b"X", 1, b"timeout")
        assert envoy.stat(PREFIX + "local_replies.timeout") == 1


def test_a_client_that_vanishes_while_it_is_not_read_leaves_nothing(start_envoy):
    """It pipelines more than may be held, reads no answer, and resets its connection."""
    with serving(CODEC, lambda message, connection: reply(message, body(message) * 40)) as server:
        listener = codec_listener("awesomerpc", [route("up")], max_held=50_000)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        for ends in ("reset", "close", "half close"):
            with Client(CODEC, envoy.port("in")) as client:
                client.socket.settimeout(0.5)
                with suppress(TimeoutError):
                    client.send(b"".join(request(number, payload=bytes(20_000)) for number in range(1, 1000)))
                if ends == "reset":
                    client.reset()
                elif ends == "half close":
                    with suppress(OSError):
                        client.socket.shutdown(socket.SHUT_WR)
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            envoy.wait_for_stat("http.http.downstream_cx_active", lambda value: value == 0)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(1, payload=b"x")).status_code == 0


@pytest.mark.parametrize(("change", "drained"), [("removed", "listeners"), ("replaced", "filter_chains")])
def test_a_listener_that_goes_answers_what_is_in_flight(start_envoy, tmp_path, change, drained):
    file = tmp_path / "listeners.json"
    kind = "type.googleapis.com/envoy.config.listener.v3.Listener"

    def write(version, *listeners):
        new = tmp_path / "new"
        resources = [{"@type": kind, **one} for one in listeners]
        new.write_text(json.dumps({"version_info": version, "resources": resources}), "utf-8")
        new.rename(file)

    asked = threading.Event()

    def handle(message, connection):
        if body(message) == b"wait":
            asked.set()
            free.wait(PATIENCE)
        return reply(message, body(message))

    with serving(CODEC, handle) as server, released() as free:
        write("1", codec_listener("awesomerpc", [route("up")]))
        config = bootstrap([], [bridged("up", server.port)])
        config["dynamic_resources"] = {"lds_config": {"path_config_source": {"path": str(file)}}}
        config["node"] = {"id": "n", "cluster": "c"}
        envoy = start_envoy(config, workers=2, arguments=["--drain-time-s", "2", "--drain-strategy", "immediate"])
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1, payload=b"wait"))
            assert asked.wait(PATIENCE)
            if change == "removed":
                write("2")
            else:
                write("2", codec_listener("awesomerpc", [route("up")], max_in_flight=77))
            envoy.wait_for_stat(f"listener_manager.total_{drained}_draining", bool)
            free.set()
            assert body(client.receive()) == b"wait"
            assert client.ended()
        envoy.wait_for_stat(f"listener_manager.total_{drained}_draining", lambda value: value == 0)
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_an_aggregate_cluster_leads_to_clusters_with_the_bridge(start_envoy):
    """Envoy takes its HTTP filters and its bridge, and the servers of the clusters that it names."""
    kind = "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig"
    with serving(CODEC, replying(b"second")) as second:
        aggregate = bridged("all", lb_policy="CLUSTER_PROVIDED")
        aggregate["cluster_type"] = {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": kind, "clusters": ["first", "second"]},
        }
        del aggregate["type"], aggregate["load_assignment"]
        listener = codec_listener("awesomerpc", [route("all")])
        envoy = start_envoy(bootstrap([listener], [bridged("first"), bridged("second", second.port), aggregate]))
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(1, 20):
                assert body(client.call(request(number, payload=bytes(100_000)))) == b"second"


def test_large_messages_are_mirrored_whole(start_envoy):
    payloads = [bytes([number]) * 3_000_000 for number in range(4)]
    with serving(CODEC, replying()) as server, serving(CODEC, replying(bytes(6_000_000))) as mirror:
        mirrored = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        clusters = [bridged("up", server.port), bridged("mirror", mirror.port)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored])], clusters))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(b"".join(request(number + 1, payload=payload) for number, payload in enumerate(payloads)))
            got = {answer.request_id: body(answer) for answer in (client.receive() for _ in payloads)}
            assert [got[number + 1] for number in range(4)] == payloads
            mirror.wait(4)
            assert sorted(body(message) for message in mirror.received) == payloads
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_a_mirror_that_reads_nothing_costs_a_client_nothing(start_envoy):
    with serving(CODEC, replying(b"fine")) as server, socket.create_server(("127.0.0.1", 0)) as mirror:
        mirrored = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        clusters = [bridged("up", server.port), bridged("mirror", mirror.getsockname()[1])]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored])], clusters))
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(1, 12):
                assert body(client.call(request(number, payload=bytes(3_000_000)))) == b"fine"
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
