"""Many connections, much at once, clients that do not read."""

import asyncio
import random
import resource
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from live_engine.awesome import CODEC, HEARTBEAT, ONEWAY, body, reply, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, released, serving
from live_envoy.config import bootstrap, route
from patience import PATIENCE

from metaprotocol_sdk import Direction, MessageDecoder

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


def test_a_thousand_clients_that_do_not_read_are_bounded_in_memory(start_envoy, descriptors):
    """Without a bound Envoy would hold 48 GB of answers, each as long as the codec lets it be."""
    size = CODEC.limits.max_message_size
    rest = reply(CODEC.decode(request(0), Direction.TO_SERVER), bytes(size - 18))[8:]

    def handle(message, connection):
        if not body(message):
            return reply(message)
        connection.socket.sendall(reply(message)[:8])
        return connection.socket.sendall(rest)  # the same bytes for all, which are not copied

    limits = {"per_connection_buffer_limit_bytes": 65_536}  # what Envoy itself keeps for each client
    with serving(CODEC, handle) as server:
        envoy = start(start_envoy, server, listener=limits, max_process_bytes=100_000_000)
        with Client(CODEC, envoy.port("in")) as client, ExitStack() as stack:
            client.call(request(0))
            before = memory(envoy)
            for _ in range(1000):
                slow = stack.enter_context(socket.create_connection(("127.0.0.1", envoy.port("in"))))
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.sendall(b"".join(request(number, payload=b"large") for number in range(3)))
            envoy.wait_for_stat(PREFIX + "requests.request", lambda value: value > 1000)  # of each the first
            # There is room or not, by what the others have read in this moment; an answer comes either way.
            assert client.call(request(1)).status_code in (0, 3)
            assert envoy.stat(PREFIX + "in_flight_over_limit") > 0
            # Copies, and what Envoy itself keeps for each client, come on top.
            assert memory(envoy) - before < 1_000_000_000
            stack.close()
            envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
            assert client.call(request(2)).status_code == 0


def test_requests_of_all_clients_together_are_bounded(start_envoy):
    def handle(message, connection):
        free.wait(60)
        return reply(message)

    with serving(CODEC, handle) as server, released() as free, ExitStack() as stack:
        envoy = start(start_envoy, server, max_process_requests=3)
        clients = [stack.enter_context(Client(CODEC, envoy.port("in"))) for _ in range(4)]
        for number, client in enumerate(clients[:3], 1):
            client.send(request(1))
            server.wait(number)
        assert clients[3].call(request(1)).status_code == 3
        free.set()
        assert [client.receive().status_code for client in clients[:3]] == [0, 0, 0]
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
        assert clients[3].call(request(2)).status_code == 0


def test_parts_of_messages_are_bounded_in_memory(start_envoy):
    """Each client sends a message but for its last byte. Without a bound Envoy would hold 800 MB."""
    large = request(1, payload=bytes(8_000_000))[:-1]
    with serving(CODEC, replying()) as server, ExitStack() as stack:
        envoy = start(start_envoy, server, max_process_bytes=20_000_000)
        clients = [stack.enter_context(Client(CODEC, envoy.port("in"))) for _ in range(100)]
        for client in clients:
            client.call(request(0))
        before = memory(envoy)
        for client in clients:
            with suppress(ConnectionError):  # it is refused while it sends
                client.send(large)
        envoy.wait_for_stat(PREFIX + "in_flight_over_limit", lambda value: value >= 95)
        assert memory(envoy) - before < 400_000_000  # Envoy's own buffers, and copies, come on top
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(2)).request_id == 2
        answered = 0
        for client in clients:
            with suppress(ConnectionError, EOFError):
                assert client.call(b"x").request_id == 1  # whose message is whole with it
                answered += 1
        assert answered > 0
        stack.close()
        envoy.wait_for_stat("http.http.downstream_cx_active", lambda value: value == 0)
        with Client(CODEC, envoy.port("in")) as client:  # there is room again
            assert len(body(client.call(request(1, payload=bytes(8_000_000))))) == 8_000_000


def test_a_client_that_does_not_read_is_not_read_from(start_envoy):
    """Heartbeats are answered here, so nothing else holds it back. When it reads, it gets all answers."""
    total = 50_000
    with serving(CODEC, replying()) as server:
        small = {"level": socket.SOL_SOCKET, "name": socket.SO_SNDBUF, "int_value": 16_384}
        limits = {"socket_options": [small], "per_connection_buffer_limit_bytes": 32_768}
        envoy = start(start_envoy, server, listener=limits)
        with Client(CODEC, envoy.port("in")) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            beats = b"".join(request(number, {}, kind=HEARTBEAT) for number in range(total))
            sending = threading.Thread(target=client.send, args=(beats,))
            sending.start()
            answered, since = 0, 0
            while since < 20:  # it has come to rest when twenty looks find the same
                before, answered = answered, envoy.stat(PREFIX + "requests.heartbeat")
                since = since + 1 if answered and answered == before else 0
                time.sleep(0.01)
            assert answered < total / 2
            for number in range(total):
                assert client.receive().request_id == number
            sending.join()


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


@pytest.fixture
def descriptors():
    """Allow 12,000 open files, to us and to the Envoys that we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12_000:
        pytest.skip(f"12,000 file descriptors are needed, and {hard:,} allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 12_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _ten_thousand(envoy, server_socket, seen):
    """Hold 10,000 requests at the server until all have come, then answer them all."""
    free, writers = asyncio.Event(), []

    async def serve(reader, writer):
        writers.append(writer)
        decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                seen.append(message)
                if len(seen) == 10_000:
                    free.set()
                await free.wait()
                writer.write(reply(message, body(message)))
        writer.close()

    async def client(name):
        reader, writer = await asyncio.open_connection("127.0.0.1", envoy.port("in"))
        writer.write(b"".join(request(number, payload=b"%d %d" % (name, number)) for number in range(100)))
        decoder, answers = MessageDecoder(CODEC, Direction.TO_CLIENT), []
        while len(answers) < 100:
            answers += decoder.feed(await reader.read(65536))
        writer.close()
        expected = {(number, b"%d %d" % (name, number)) for number in range(100)}
        assert {(answer.request_id, body(answer)) for answer in answers} == expected

    server = await asyncio.start_server(serve, sock=server_socket, backlog=20_000)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(client(name) for name in range(100)))
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


def test_ten_thousand_requests_in_flight(start_envoy, descriptors):
    """Each takes a connection to the server: a descriptor of Envoy's, and a port of this machine."""
    with socket.create_server(("127.0.0.1", 0), backlog=20_000) as listening:
        listener = codec_listener("awesomerpc", [route("up", timeout="120s")])
        cluster = bridged("up", listening.getsockname()[1], connect_timeout="60s")
        envoy = start_envoy(bootstrap([listener], [cluster]), workers=2)
        seen = []
        asyncio.run(_ten_thousand(envoy, listening, seen))
        assert len(seen) == 10_000
        assert envoy.stat("cluster.up.upstream_cx_total") == 10_000
        envoy.wait_for_stat(PREFIX + "in_flight", lambda value: value == 0)
