"""Many connections, much at once, clients that do not read."""

import random
import resource
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_engine.awesome import CODEC, ONEWAY, body, reply, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, serving
from live_envoy.config import bootstrap, route

pytestmark = pytest.mark.live

PREFIX = "dynamicmodulescustom.metaprotocol."


def start(start_envoy, server, workers=2, **settings):
    listener = codec_listener("awesomerpc", [route("up")], **settings)
    return start_envoy(bootstrap([listener], [bridged("up", server.port)]), workers=workers)


def memory(envoy):
    """Return the resident memory of an Envoy in bytes."""
    return int(Path(f"/proc/{envoy.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_thousand_connections_each_get_their_own_answers(start_envoy):
    with serving(CODEC, replying()) as server, ExitStack() as stack:
        envoy = start(start_envoy, server)
        clients = [stack.enter_context(Client(CODEC, envoy.port("in"))) for _ in range(1000)]
        for round_ in range(3):
            for number, client in enumerate(clients):
                client.send(request(round_, payload=b"%d %d" % (number, round_)))
            for number, client in enumerate(clients):
                answer = client.receive()
                assert (answer.request_id, body(answer)) == (round_, b"%d %d" % (number, round_))
    envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)


def test_nothing_is_lost_or_mixed_up_under_load_with_churn(start_envoy):
    randomness = random.Random(13)

    def handle(message, connection):
        if not message.expects_reply:
            return None
        if body(message)[:1] == b"r" and randomness.random() < 0.05:
            connection.reset()
            return None
        return reply(message, body(message))

    def load(port, name, failures):
        local = random.Random(name)
        for turn in range(10):
            with Client(CODEC, port) as client:
                sent = {}
                for number in range(40):
                    payload = (b"r" if local.random() < 0.5 else b"k") + b"%d %d %d " % (name, turn, number)
                    payload += bytes(local.choice((0, 10, 5000, 100_000)))
                    sent[number] = payload
                    client.send(request(number, payload=payload))
                    if local.random() < 0.2:
                        client.send(request(1_000 + number, kind=ONEWAY, payload=b"o"))
                if local.random() < 0.2:
                    client.reset()
                    continue
                for _ in range(40):
                    answer = client.receive()
                    expected = sent.pop(answer.request_id)
                    if answer.status_code == 0 and body(answer) != expected:
                        failures.append((name, turn, answer.request_id))

    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server)
        failures = []
        threads = [threading.Thread(target=load, args=(envoy.port("in"), name, failures)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
        assert envoy.stat(PREFIX + "codec_exceptions") == 0


def test_clients_that_do_not_read_are_bounded_in_memory(start_envoy):
    """Without a bound these requests would have Envoy hold 3 GB of answers."""
    payload = bytes(1_000_000)
    with serving(CODEC, replying(payload)) as server, ExitStack() as stack:
        envoy = start(start_envoy, server, max_process_bytes=100_000_000)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(request(0))
        before = memory(envoy)
        for _ in range(50):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", envoy.port("in"))))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"".join(request(number) for number in range(60)))
        envoy.wait_for_stat(PREFIX + "in_flight_over_limit", bool)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(0)).status_code == 3  # there is no room
        # Copies, and what Envoy itself keeps for each client, come on top.
        assert memory(envoy) - before < 1_000_000_000
        stack.close()
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(0)).status_code == 0


def test_a_client_that_sends_heartbeats_and_does_not_read_is_bounded_in_memory(start_envoy):
    with serving(CODEC, replying()) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.call(request(0))
            before = memory(envoy)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.socket.settimeout(2)
            beats = b"".join(request(number, {}, kind=3) for number in range(10_000))
            with pytest.raises(TimeoutError):
                client.send(beats * 1000)  # 180 MB
            assert memory(envoy) - before < 100_000_000


def test_a_slow_writer_and_a_slow_reader_get_what_they_asked(start_envoy):
    payload = bytes(300_000)
    with serving(CODEC, replying()) as server:
        envoy = start(start_envoy, server)
        with Client(CODEC, envoy.port("in")) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            message = request(1, payload=payload)
            for at in range(0, len(message), 10_000):
                client.send(message[at : at + 10_000])
            assert body(client.receive()) == payload


def test_two_thousand_requests_in_flight(start_envoy):
    free = threading.Event()
    waiting = threading.Semaphore(0)

    def handle(message, connection):
        waiting.release()
        free.wait(120)
        return reply(message, body(message))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 30_000:
        pytest.skip("needs 30,000 file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with serving(CODEC, handle) as server:
            envoy = start(start_envoy, server, max_in_flight=100)
            clients = [Client(CODEC, envoy.port("in")) for _ in range(20)]
            for client in clients:
                client.send(b"".join(request(number, payload=b"%d" % number) for number in range(100)))
            for _ in range(2_000):
                waiting.acquire()
            assert envoy.stat(PREFIX + "in_flight") == 2_000
            free.set()
            for client in clients:
                answers = [client.receive() for _ in range(100)]
                assert {(answer.request_id, body(answer)) for answer in answers} == {(n, b"%d" % n) for n in range(100)}
                client.socket.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
