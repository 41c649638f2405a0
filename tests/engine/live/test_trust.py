"""Nobody gets other clients' replies, other bytes than were registered, or a server by a forged request."""

import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from live_engine.awesome import CODEC, HEARTBEAT, ONEWAY, body, reply, replying, request
from live_engine.config import MARK, bridge_options, bridged, codec_listener, http_filter
from live_engine.peers import Client, serving, with_id, with_id_of
from live_engine.toys import SmallIds
from live_engine.toys import build as toy
from live_envoy.config import (
    bootstrap,
    cluster,
    http_connection_manager,
    listener,
    lua,
    route,
    typed,
)
from patience import PATIENCE

PREFIX = "dynamicmodulescustom.metaprotocol."
AGGREGATE = "extensions.clusters.aggregate.v3.ClusterConfig"
SHARED = {"hcm": {"codec_type": "AUTO"}, "foreign": "pass"}

pytestmark = pytest.mark.live


class RawServer:
    """Remembers all bytes that it gets; it answers what it is told to, if anything, when it has got some.

    Args:
        answer: The bytes of the answer.
    """

    def __init__(self, answer=b""):
        self.answer = answer
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.got = b""
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                connection, _ = self.listening.accept()
                self.connection = connection
                with connection:
                    connection.settimeout(PATIENCE)
                    while data := connection.recv(65536):
                        with self.changed:
                            self.got += data
                            self.changed.notify_all()
                        connection.sendall(self.answer)
        except OSError:
            pass

    def wait(self):
        """Return what has come, when something has."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.got, PATIENCE)
            return self.got

    def say(self, data):
        """Send bytes on the last connection."""
        self.connection.sendall(data)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@contextmanager
def answering(answer=b""):
    server = RawServer(answer)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def raw():
    with answering() as server:
        yield server


@pytest.fixture
def server():
    with serving(CODEC, replying()) as serving_:
        yield serving_


def http1(port, head):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return client.recv(65536).decode()


def http2_answer(port, headers):
    """Send one request by HTTP/2; return the answer's header block."""

    def literal(name, value):
        return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()

    block = b"\x83\x86" + literal(":path", "/reviews/7") + literal(":authority", "metaprotocol")
    block += b"".join(literal(*pair) for pair in headers.items())
    frame = len(block).to_bytes(3) + b"\x01\x05" + (1).to_bytes(4) + block
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + frame)
        got = b""
        while True:
            while len(got) < 9 or len(got) < 9 + int.from_bytes(got[:3]):
                got += client.recv(65536)
            size, kind = int.from_bytes(got[:3]), got[3]
            if kind == 1:
                return got[9 : 9 + size]
            got = got[9 + size :]


STATUS_400 = b"\x8c"
"""The status 400 as HPACK's static table has it, which Envoy uses."""


FORGED = """POST /reviews/7 HTTP/1.1
host: metaprotocol
x-metaprotocol-token: {}
x-metaprotocol-type: request
service: reviews
cmd: 7
content-length: 0"""


def test_forged_http_requests_reach_no_server(start_envoy, server):
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], **SHARED)], [bridged("up", server.port)])
    )
    port = envoy.port("in")
    assert " 400 " in http1(port, "GET /reviews/7 HTTP/1.1\nhost: a")
    for token in ("0" * 40, "00000000" + "f" * 32, "", "x", "\t"):
        assert " 400 " in http1(port, FORGED.format(token))
    for headers in ({"x-metaprotocol-token": "0" * 40}, {}):
        assert http2_answer(port, headers).startswith(STATUS_400)
    assert envoy.stat(PREFIX + "forged_requests") >= 7
    with Client(CODEC, port) as client:
        client.call(request(1))
    assert len(server.received) == 1


def test_an_ordinary_http_service_on_the_same_port_keeps_working(start_envoy, server, raw):
    routes = [route("plain", prefix="/plain"), route("up")]
    clusters = [bridged("up", server.port), cluster("plain", raw.port)]
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", routes, **SHARED)], clusters))
    with socket.create_connection(("127.0.0.1", envoy.port("in")), PATIENCE) as client:
        client.sendall(b"GET /plain HTTP/1.1\r\nhost: a\r\nx-metaprotocol-token: x\r\nx-kept: y\r\n\r\n")
        got = raw.wait()
    assert b"GET /plain HTTP/1.1" in got
    assert b"x-kept" in got
    assert b"x-metaprotocol" not in got
    assert envoy.stat(PREFIX + "foreign_connections") == 1


def test_a_client_of_http_that_closes_its_connection_leaves_none(start_envoy, server):
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], **SHARED)], [bridged("up", server.port)])
    )
    opened, active = "http.http.downstream_cx_total", "http.http.downstream_cx_active"
    whole = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    for number, said in enumerate((b"", b"G", whole[:-2], whole), 1):
        with socket.create_connection(("127.0.0.1", envoy.port("in")), PATIENCE) as client:
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        envoy.wait_for_stat(opened, lambda value, number=number: value == number)
        envoy.wait_for_stat(active, lambda value: value == 0)
    with socket.create_connection(("127.0.0.1", envoy.port("in")), PATIENCE) as client:
        client.sendall(whole)
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
    envoy.wait_for_stat(active, lambda value: value == 0)


@pytest.mark.parametrize("size", [255, 256, 300, 5000])
def test_a_header_of_ours_with_a_long_name_is_taken_away(start_envoy, server, size):
    name = "x-metaprotocol-".ljust(size, "a")
    answered = f"HTTP/1.1 200 OK\r\n{name}: 1\r\nx-metaprotocol-reply: x\r\nx-kept: y\r\ncontent-length: 0\r\n\r\n"
    routes = [route("plain", prefix="/plain"), route("up")]
    with answering(answered.encode()) as plain:
        clusters = [bridged("up", server.port), cluster("plain", plain.port)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", routes, **SHARED)], clusters))
        got = http1(envoy.port("in"), f"GET /plain HTTP/1.1\nhost: a\n{name}: 1\n{name}: 2\nx-kept: y")
    assert " 200 " in got
    assert "x-kept" in got
    assert "x-metaprotocol" not in got
    assert b"x-kept" in plain.got
    assert b"x-metaprotocol" not in plain.got
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(1))


def before_admission(listener, code):
    """Put a filter in Lua before the filter `admission`."""
    listener["filter_chains"][0]["filters"][1]["typed_config"]["http_filters"].insert(0, lua(code))


LOG_TOKENS = """
    function envoy_on_request(h)
        local token = h:headers():get('x-metaprotocol-token')
        if token then h:logWarn('{}=' .. token) end
    end
"""


def test_a_token_is_worthless_on_another_connection(start_envoy, server):
    """Also before it was admitted: a filter before the admission holds the request as long as the attack takes."""
    code = """
        function envoy_on_request(h)
            local token = h:headers():get('x-metaprotocol-token')
            if not token or h:headers():get('forged') then return end
            h:logWarn('token=' .. token)
            h:httpCall('gate', {[':method'] = 'GET', [':path'] = '/', [':authority'] = 'gate'}, '', 60000)
        end
    """
    with answering() as gate:
        listener = codec_listener("awesomerpc", [route("up")], **SHARED)
        before_admission(listener, code)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port), cluster("gate", gate.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1))
            token = re.search(r"token=(\w+)", envoy.wait_for_log("token="))[1]
            gate.wait()
            assert " 400 " in http1(envoy.port("in"), FORGED.format(token) + "\nforged: 1")
            assert server.received == []
            gate.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert client.receive().request_id == 1
    assert len(server.received) == 1
    assert envoy.stat(PREFIX + "forged_requests") == 2  # by the admission, and by the bridge


def test_bytes_of_another_protocol_after_a_message_are_not_passed(start_envoy, server):
    """Whose a connection is, is decided once, by its first bytes."""
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], **SHARED)], [bridged("up", server.port)])
    )
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1)).status_code == 0
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert client.ended()
    assert envoy.stat(PREFIX + "foreign_connections") == 0
    assert envoy.stat("http.http.downstream_rq_total") == 1


def test_the_secret_of_an_answer_leads_to_no_other_request(start_envoy, server):
    """A filter answers a request with the headers of another's answer."""
    code = """
        function envoy_on_request(h)
            if h:headers():get('forge') then h:respond({[':status'] = '200', ['x-metaprotocol-reply'] = secret}, '') end
        end
        function envoy_on_response(h)
            secret = h:headers():get('x-metaprotocol-reply') or secret
        end
    """
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], lua(code))], [bridged("up", server.port)])
    )
    with Client(CODEC, envoy.port("in")) as client, Client(CODEC, envoy.port("in")) as forger:
        assert body(client.call(request(1, payload=b"secret words"))) == b"secret words"
        answer = forger.call(request(1, {"forge": "it"}))
        assert (answer.status_code, body(answer)) == (255, b"lua_response")
    assert len(server.received) == 1


def test_a_token_is_worthless_once_it_was_admitted(start_envoy):
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return reply(message)

    with serving(CODEC, handle) as server:
        listener = codec_listener("awesomerpc", [route("up")], lua(LOG_TOKENS.format("after")), **SHARED)
        before_admission(listener, LOG_TOKENS.format("token"))
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1))
            server.wait(1)
            token = re.search(r"token=(\w+)", envoy.wait_for_log("token="))[1]
            assert " 400 " in http1(envoy.port("in"), FORGED.format(token))
            free.set()
            assert client.receive().request_id == 1
        assert len(server.received) == 1
    assert not [line for line in envoy.log if "after=" in line]  # no filter after the admission sees one


def test_the_reference_of_an_attempt_is_worthless_in_another(start_envoy):
    """A filter of the cluster sees it, after the filter `attempt`."""
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return reply(message)

    plain = listener("http", http_connection_manager([route("up")], stat_prefix="plain"))
    with serving(CODEC, handle) as server:
        up = bridged("up", server.port, **bridge_options(lua(LOG_TOKENS.format("reference"))))
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")]), plain], [up]))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(request(1))
            server.wait(1)
            reference = re.search(r"reference=(\w+)", envoy.wait_for_log("reference="))[1]
            assert " 400 " in http1(envoy.port("http"), FORGED.format(reference))
            free.set()
            assert client.receive().request_id == 1
        assert len(server.received) == 1


def test_a_request_with_two_tokens_is_not_admitted(start_envoy, server):
    listener = codec_listener("awesomerpc", [route("up")])
    before_admission(listener, "function envoy_on_request(h) h:headers():add('x-metaprotocol-token', 'x') end")
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1)).status_code == 5
    assert server.received == []
    assert envoy.stat(PREFIX + "forged_requests") == 2


@pytest.mark.parametrize("cluster", [{}, {"typed_extension_protocol_options": {}}], ids=["whole", "without attempt"])
def test_a_bridge_takes_nothing_that_was_not_admitted(start_envoy, server, cluster):
    """Not even a request that the codec filter has made: the listener lacks the admission."""
    listener = codec_listener("awesomerpc", [route("up")])
    listener["filter_chains"][0]["filters"][1]["typed_config"]["http_filters"].pop(0)
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port, **cluster)]))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1)).status_code == 5
        assert client.call(request(2)).status_code == 5
    assert server.received == []
    assert envoy.stat(PREFIX + "forged_requests") == 2
    envoy.wait_for_log("a bridge refuses a request")
    assert len([line for line in envoy.log if "a bridge refuses a request" in line]) == 1


def test_a_bridge_that_no_codec_filter_is_before_refuses_and_counts(start_envoy, server):
    """The listener of plain HTTP has no codec filter, and no `admission` that removes headers."""
    plain = listener("http", http_connection_manager([route("up")], stat_prefix="plain"))
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")]), plain], [bridged("up", server.port)]))
    assert " 400 " in http1(envoy.port("http"), FORGED.format("0" * 40))
    assert " 400 " in http1(envoy.port("http"), "GET /reviews/7 HTTP/1.1\nhost: a")
    assert envoy.stat(PREFIX + "forged_requests") == 2
    assert server.received == []


def test_a_request_that_meets_plain_http_is_answered_and_nothing_leaves(start_envoy, raw):
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("plain")])], [cluster("plain", raw.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1, payload=b"secret"))
    assert answer.status_code == 1
    assert raw.got == b""


def replay(got, port):
    """Send what came as HTTP to a port; return the answer."""
    return http1(port, got.decode().split("\r\n\r\n")[0].replace("\r\n", "\n"))


@pytest.mark.parametrize("way", ["mirror", "aggregate cluster"])
def test_what_leaves_to_plain_http_leads_to_no_request(start_envoy, raw, way):
    """Whoever gets it sends it to a port with the bridge, and to one whose requests are mirrored to one, while the
    request is on its way."""
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return reply(message)

    with serving(CODEC, handle) as server:
        clusters = [bridged("up", server.port), cluster("plain", raw.port)]
        if way == "mirror":
            action = route("up", request_mirror_policies=[{"cluster": "plain"}])
        else:
            kind = typed("envoy.clusters.aggregate", AGGREGATE, clusters=["plain"])
            aggregate = {"name": "all", "cluster_type": kind, "lb_policy": "CLUSTER_PROVIDED", "metadata": MARK}
            clusters.append({**aggregate, "connect_timeout": "5s"})  # it says that it has the bridge, and has not
            action = route("all")
        mirrored = route("other", prefix="/reviews", request_mirror_policies=[{"cluster": "up"}])
        listeners = [
            codec_listener("awesomerpc", [action]),
            listener("http", http_connection_manager([route("up")], stat_prefix="a")),
            listener("mirrored", http_connection_manager([mirrored], stat_prefix="b")),
        ]
        with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as other:
            envoy = start_envoy(bootstrap(listeners, [*clusters, cluster("other", other.port)]))
            with Client(CODEC, envoy.port("in")) as client:
                client.send(request(1, payload=b"secret words"))
                got = raw.wait()
                server.wait(way == "mirror")
                assert b"secret words" not in got
                assert b"AR\x01" not in got
                assert b"x-metaprotocol-token" not in got
                assert " 400 " in replay(got, envoy.port("http"))
                assert " 200 " in replay(got, envoy.port("mirrored"))
                envoy.wait_for_stat(PREFIX + "forged_requests", lambda value: value == 2)
                assert len(server.received) == (way == "mirror")
                free.set()
                raw.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                assert client.receive().status_code == (0 if way == "mirror" else 1)
            assert len(server.received) == (way == "mirror")


def test_a_mirror_gets_the_message_and_its_answer_reaches_nobody(start_envoy, server):
    with serving(CODEC, replying(b"mirror")) as mirror:
        mirrored = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        clusters = [bridged("up", server.port), bridged("mirror", mirror.port)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored])], clusters))
        sent = [request(number, payload=b"%d" % number) for number in range(20)]
        with Client(CODEC, envoy.port("in")) as client:
            for number, message in enumerate(sent):
                answer = client.call(message)
                assert (answer.request_id, body(answer)) == (number, b"%d" % number)
            mirror.wait(20)
        assert {with_id(CODEC, message, int(body(message))) for message in mirror.received} == set(sent)


def test_a_mirror_with_a_changed_request_gets_the_changed_message(start_envoy, server):
    with serving(CODEC, replying()) as mirror:
        action = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        mirrored = {**action, "request_headers_to_add": [{"header": {"key": "tag", "value": "t"}}]}
        clusters = [bridged("up", server.port), bridged("mirror", mirror.port)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored])], clusters))
        with Client(CODEC, envoy.port("in")) as client:
            client.call(request(1))
        assert server.wait(1)[0].properties["tag"] == mirror.wait(1)[0].properties["tag"] == "t"


def test_a_request_that_its_cluster_has_no_room_for_is_not_mirrored(start_envoy):
    """All come at once, so that Envoy sends one right after the other. None is taken for the one that was served."""
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return reply(message)

    with serving(CODEC, handle) as server, serving(CODEC, replying()) as mirror:
        limits = {"thresholds": [{"max_connections": 1, "max_pending_requests": 1}]}
        mirrored = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        clusters = [bridged("up", server.port, circuit_breakers=limits), bridged("mirror", mirror.port)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored])], clusters))
        with Client(CODEC, envoy.port("in")) as client:
            client.send(b"".join(request(number, payload=b"%d" % number) for number in range(9)))
            assert {client.receive().request_id for _ in range(8)} == set(range(1, 9))
            free.set()
            assert client.receive().request_id == 0
        assert [body(message) for message in mirror.wait(1)] == [b"0"]
        assert envoy.stat("cluster.mirror.upstream_rq_total") == 1
        assert envoy.stat(PREFIX + "forged_requests") == 0


@contextmanager
def one_at_a_time(start_envoy, server, handler=None, **settings):
    """A mirror that has one connection and does not answer until it may: what is mirrored meanwhile begins later."""
    free = threading.Event()

    def handle(message, connection):
        free.wait(60)
        return reply(message)

    with serving(CODEC, handler or handle) as mirror:
        limits = {"thresholds": [{"max_connections": 1, "max_pending_requests": 10_000, "max_requests": 10_000}]}
        mirrored = route("up", request_mirror_policies=[{"cluster": "mirror"}])
        clusters = [bridged("up", server.port), bridged("mirror", mirror.port, circuit_breakers=limits)]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [mirrored], **settings)], clusters))
        yield envoy, mirror, free


def test_a_mirror_that_begins_when_the_client_has_its_answer_gets_the_message(start_envoy, server):
    with one_at_a_time(start_envoy, server) as (envoy, mirror, free):
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(20):
                client.call(request(number, payload=b"%d" % number))
        assert len(mirror.wait(1)) == 1
        free.set()
        assert [body(message) for message in mirror.wait(20)] == [b"%d" % number for number in range(20)]


def test_a_mirror_may_begin_when_the_client_has_gone(start_envoy, server):
    """Its authority was the address that the client came to."""
    with one_at_a_time(start_envoy, server, authority="$dst") as (envoy, mirror, free):
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(20):
                client.call(request(number, payload=b"%d" % number))
        envoy.wait_for_stat("http.http.downstream_cx_active", lambda value: value == 0)
        with ExitStack() as others:  # which get the memory of the one that has gone
            for _ in range(50):
                client = others.enter_context(Client(CODEC, envoy.port("in")))
                client.send(request(0)[:-1])
            free.set()
            envoy.wait_for_stat("cluster.mirror.upstream_rq_completed", lambda value: value == 20)
        assert [body(message) for message in mirror.received] == [b"%d" % number for number in range(20)]


def test_of_what_waits_for_a_mirror_256_messages_are_kept(start_envoy, server):
    """The last ones, for each worker. A mirror is never told of the others, which count as forged."""
    with one_at_a_time(start_envoy, server) as (envoy, mirror, free):
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(300):
                client.call(request(number, payload=b"%d" % number))
            mirror.wait(1)  # which has the first
            free.set()
            envoy.wait_for_stat("cluster.mirror.upstream_rq_completed", lambda value: value == 300)
        assert [int(body(message)) for message in mirror.received] == [0, *range(44, 300)]
        assert envoy.stat(PREFIX + "forged_requests") == 43


def test_what_waits_for_a_mirror_for_ten_seconds_is_forgotten(start_envoy, server):
    """It is forgotten when the next request ends."""
    with one_at_a_time(start_envoy, server) as (envoy, mirror, free):
        with Client(CODEC, envoy.port("in")) as client:
            client.call(request(0, payload=b"begun"))
            mirror.wait(1)
            client.call(request(1, payload=b"forgotten"))
            time.sleep(12)
            client.call(request(2, payload=b"late"))
            free.set()
            assert [body(message) for message in mirror.wait(2)] == [b"begun", b"late"]
        assert envoy.stat(PREFIX + "forged_requests") == 1


def test_mirrors_that_answer_late_take_no_room_from_those_that_begin_late(start_envoy, server):
    go = threading.Semaphore(0)

    def handle(message, connection):
        go.acquire(timeout=60)
        return reply(message, bytes(100_000))

    with one_at_a_time(start_envoy, server, handle) as (envoy, _, _), Client(CODEC, envoy.port("in")) as client:
        for number in range(260):  # so that some of them are forgotten
            client.call(request(number))
            go.release()
            envoy.wait_for_stat("cluster.mirror.upstream_rq_completed", lambda value, number=number: value > number)
        for number in range(3):
            client.call(request(number))
        go.release(3)
        envoy.wait_for_stat("cluster.mirror.upstream_rq_completed", lambda value: value == 263)
        assert envoy.stat(PREFIX + "forged_requests") == 0


@pytest.mark.parametrize("surplus", [b"A", b"again"])
def test_a_connection_with_surplus_bytes_is_not_used_again(start_envoy, surplus):
    def handle(message, connection):
        answer = reply(message, b"%d" % connection.number)
        return answer + (answer if surplus == b"again" else surplus)

    with serving(CODEC, handle) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            assert [body(client.call(request(number))) for number in range(5)] == [b"%d" % n for n in range(5)]
        assert envoy.stat(PREFIX + "upstream_closed") == 5


def test_an_answer_with_another_id_reaches_nobody(start_envoy):
    def handle(message, connection):
        answer = reply(message, b"%d" % connection.number)
        return answer[:7] + bytes((answer[7] ^ 1,)) + answer[8:] if connection.number == 0 else answer

    with serving(CODEC, handle) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(1)).status_code == 6
            assert body(client.call(request(2))) == b"1"


def test_a_late_answer_reaches_nobody(start_envoy):
    late = threading.Event()

    def handle(message, connection):
        if body(message) == b"1":
            late.wait(60)
        return reply(message, body(message))

    with serving(CODEC, handle) as server:
        routes = [route("up", timeout="0.2s")]
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", routes)], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            assert client.call(request(1, payload=b"1")).status_code == 4
            late.set()
            for number in range(2, 30):
                answer = client.call(request(number, payload=b"%d" % number))
                assert (answer.request_id, body(answer)) == (number, b"%d" % number)


def test_an_answer_to_a_oneway_reaches_no_other_client(start_envoy):
    """A server that answers calls which said that they want no answer, on connections that others use."""
    with serving(CODEC, lambda message, connection: reply(message, body(message))) as server:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as liar, Client(CODEC, envoy.port("in")) as client:
            for number in range(100):
                liar.send(request(number, kind=ONEWAY, payload=b"lies"))
                answer = client.call(request(number, payload=b"%d" % number))
                assert (answer.request_id, body(answer), answer.status_code) == (number, b"%d" % number, 0)


def test_where_ids_are_few_the_connection_of_a_oneway_is_not_used_again(start_envoy):
    """A random id of 255 would soon be another request's, and the answer of a server that lies its answer."""
    codec, used = SmallIds(), []

    def handle(message, connection):
        used.append((connection.number, message.expects_reply))
        return with_id_of(codec, toy(b"R", "?lies"), message)

    with serving(codec, handle) as server:
        listener = codec_listener("live_engine.toys:SmallIds", [route("up")])
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as liar, Client(codec, envoy.port("in")) as client:
            for number in range(5):
                liar.send(toy(b"O", "a"))
                server.wait(2 * number + 1)
                client.call(toy(b"Q", "b"))
    oneways = [(at, number) for at, (number, answered) in enumerate(used) if not answered]
    assert len(oneways) == 5
    for at, number in oneways:
        assert number not in {later for later, _ in used[at + 1 :]}


def copying(codec, asked):
    """Return a handler that answers, and says the last answer of its connection again when the next request comes."""
    last = {}

    def handle(message, connection):
        asked.append((connection.number, message.request_id))
        copy = last.get(connection.number, b"")
        last[connection.number] = with_id_of(codec, codec_answer(message), message)
        return copy + last[connection.number]

    def codec_answer(message):
        return toy(b"R", "?" + message.properties["body"][1:]) if codec is not CODEC else reply(message, body(message))

    return handle


@pytest.mark.parametrize("codec", [CODEC, SmallIds()], ids=lambda codec: codec.name)
def test_a_late_copy_of_an_answer_reaches_no_other_client(start_envoy, codec):
    """Both clients use the same id, and one connection to the server."""
    asked = []

    def ask(client, text):
        message = request(1, payload=text.encode()) if codec is CODEC else toy(b"Q", "\1" + text)
        answer = client.call(message)
        assert answer.request_id == 1
        return body(answer).decode() if codec is CODEC else answer.properties["body"][1:]

    name = "awesomerpc" if codec is CODEC else "live_engine.toys:SmallIds"
    with serving(codec, copying(codec, asked)) as server:
        envoy = start_envoy(bootstrap([codec_listener(name, [route("up")])], [bridged("up", server.port)]))
        with Client(codec, envoy.port("in")) as one, Client(codec, envoy.port("in")) as other:
            for turn in range(10):
                assert ask(one, f"secret {turn}") == f"secret {turn}"
                assert ask(other, f"{turn}") == f"{turn}"
    assert [number for number, _ in asked] == [turn // 2 for turn in range(20)]  # used until the copy came
    assert len({ids for _, ids in asked}) == 20
    assert envoy.stat(PREFIX + "upstream_closed") == 10


def test_a_service_that_no_file_names_is_not_called_as_http(start_envoy, server, raw):
    """As Istio's ALLOW_ANY has it: what no virtual host is for goes to where the client wanted it to."""
    passthrough = {"name": "PassthroughCluster", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}
    passthrough |= {"connect_timeout": "5s", "original_dst_lb_config": {"upstream_port_override": raw.port}}
    hosts = [
        {"name": "reviews", "domains": ["reviews"], "routes": [route("up")]},
        {"name": "allow_any", "domains": ["*"], "routes": [route("PassthroughCluster")]},
    ]
    hcm = {"route_config": {"virtual_hosts": hosts}}
    listener = codec_listener("awesomerpc", [], hcm=hcm, authority_property="service")
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port), passthrough]))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1, {"service": "ratings"})).status_code == 1
        assert client.call(request(2, {"service": "reviews"})).status_code == 0
        assert client.call(request(3, {})).status_code == 1
    assert envoy.stat(PREFIX + "local_replies.route_not_found") == 2
    assert raw.got == b""
    assert len(server.received) == 1


def test_a_request_that_a_filter_sends_to_plain_http_is_answered_by_a_second_admission(start_envoy, server, raw):
    """A filter after the first admission chooses another route; the second stands right before the router."""
    code = "function envoy_on_request(h) h:headers():replace('go', 'astray') h:clearRouteCache() end"
    routes = [route("plain", headers={"go": "astray"}), route("up")]
    clusters = [bridged("up", server.port), cluster("plain", raw.port)]
    listener = codec_listener("awesomerpc", routes, lua(code), http_filter("admission"))
    envoy = start_envoy(bootstrap([listener], clusters))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1, payload=b"secret")).status_code == 1
    assert raw.got == b""
    assert server.received == []


def test_what_a_server_says_on_an_idle_connection_closes_it(start_envoy):
    def handle(message, connection):
        connection.socket.sendall(reply(message, b"%d" % connection.number))
        threading.Timer(0.1, connection.socket.sendall, [request(1, kind=HEARTBEAT)]).start()

    with serving(CODEC, handle) as serving_:
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", serving_.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            for number in range(3):
                assert body(client.call(request(number))) == b"%d" % number
                envoy.wait_for_stat("cluster.up.upstream_cx_active", lambda value: value == 0)
