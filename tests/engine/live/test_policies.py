"""Envoy's policies see what the server does, whatever normalizes paths on the way."""

import pytest
from live_engine.awesome import CODEC, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.peers import Client, serving, with_id
from live_engine.toys import Fifo, build
from live_envoy.config import bootstrap, deny, route

from metaprotocol_envoy.headers import escape_value, header_name, path_of
from metaprotocol_sdk import Direction

pytestmark = pytest.mark.live

PREFIX = "dynamicmodulescustom.metaprotocol."
NORMALIZATIONS = {  # as Istio's pathNormalization renders them
    "NONE": {},
    "BASE": {"normalize_path": True},
    "MERGE_SLASHES": {"normalize_path": True, "merge_slashes": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
    "REJECT": {"normalize_path": True, "path_with_escaped_slashes_action": "REJECT_REQUEST"},
}
SERVICES = [
    *("reviews", "x/../admin", "./admin", "/admin", "admin/", "//admin", "admin//", "admin#x", "admin?x", "admin;x"),
    *("%61dmin", "admin%2f..", "x%2f..%2fadmin", "x%2F..%2Fadmin", "%2e%2e/admin", "%252e%252e%252fadmin", "..", "."),
    *(
        "admin\\",
        "x\\..\\admin",
        "admin\0",
        "admin\n",
        "Admin",
        "admin ",
        " admin",
        "\u00e4dmin",
        "\U0001f600",
        "~",
        "~2E",
    ),
    *("x/%2e%2e/admin", "admin%00", "admin%", "ad~6Din", "%7e", "admin/.", "admin/..", "..%2fadmin"),
]


def has(header, value):
    return {"header": {"name": header, "string_match": {"exact": value}}}


def policy(*permissions):
    return {"permissions": [{"and_rules": {"rules": list(permissions)}}], "principals": [{"any": True}]}


def has_path(path):
    return {"url_path": {"path": {"exact": path}}}


@pytest.fixture
def server():
    with serving(CODEC, replying()) as serving_:
        yield serving_


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_policy_sees_the_operation_that_the_server_gets(start_envoy, server, normalization):
    policies = [("admin", policy(has_path(path_of("admin/7"))))]
    for number, service in enumerate(SERVICES):  # each is denied unless its path is its own
        policies.append(
            (f"n{number}", policy(has("number", str(number)), {"not_rule": has_path(path_of(f"{service}/7"))}))
        )
    listener = codec_listener("awesomerpc", [route("up")], deny(**dict(policies)), hcm=NORMALIZATIONS[normalization])
    envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        for number, service in enumerate(SERVICES):
            answer = client.call(request(number, {"service": service, "number": str(number)}))
            assert answer.status_code == 0, service
        assert [message.operation for message in server.received] == [f"{service}/7" for service in SERVICES]
        assert client.call(request(0, {"service": "admin"})).status_code == 7


@pytest.mark.parametrize(("denied", "other"), [("..", "~2E~2E"), ("a b", "a~20b"), ("/a", "~/a")])
def test_two_operations_never_have_one_path(start_envoy, server, denied, other):
    """Not even if one is written as the other is escaped."""
    rules = deny(denied=policy(has_path(path_of(f"{denied}/7"))))
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")], rules)], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1, {"service": denied})).status_code == 7
        assert client.call(request(2, {"service": other})).status_code == 0
    assert [message.operation for message in server.received] == [f"{other}/7"]


NAMES = [
    "host",
    "Content-Length",
    "te",
    "x-envoy-retry-on",
    "x-forwarded-for",
    ":path",
    ":authority",
    "a b",
    "\u00fcmlaut",
]
NAMES += ["x-metaprotocol-token", "x-property-a", "%41", "%", "cookie", "grpc-timeout", "a:b", "a\nb", "x-request-id"]
NAMES += ["date", "server", "transfer-encoding", "connection", "upgrade", "expect", "x-envoy-max-retries", "if-match"]
NAMES += ["set-cookie", "location", "x-client-trace-id", "x-istio-attributes", "origin", "range", "via", "forwarded"]
NAMES += ["access-control-request-method", "content-encoding", "accept-encoding", "proxy-connection", "keep-alive"]
NAMES += ["\udcff"]
VALUES = ["", " ", " a ", "a\r\nx: y", "\0", "\x7f", "%41", "%", "a,b", "\u00fc", "a\tb", "x" * 10_000]
VALUES += ["not UTF-8: \udcff\udc80"]


def test_hostile_names_and_values_are_seen_by_policies_and_reach_the_server_unchanged(start_envoy, server):
    cases = [(name, "value") for name in NAMES] + [("plain", value) for value in VALUES]
    cases += [("referer", "not:a#URL")]  # as a header, Envoy would remove it
    policies = []
    for number, (name, value) in enumerate(cases):
        seen = has(header_name(name), escape_value(value))
        policies.append((f"n{number}", policy(has("number", str(number)), {"not_rule": seen})))
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], deny(**dict(policies)))], [bridged("up", server.port)])
    )
    sent = [request(number, {"number": str(number), name: value}) for number, (name, value) in enumerate(cases)]
    with Client(CODEC, envoy.port("in")) as client:
        for message, case in zip(sent, cases, strict=True):
            assert client.call(message).status_code == 0, case
    assert [with_id(CODEC, message, number) for number, message in enumerate(server.received)] == sent


@pytest.mark.parametrize("names", [("User", "user"), ("a%41", "A%41"), ("\u0130", "i\u0307")])
def test_names_that_differ_only_in_case_do_not_pass_a_policy(start_envoy, server, names):
    jason = deny(jason=policy(has("user", "jason")))
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")], jason)], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(request(1, dict.fromkeys(names, "x"))).status_code == 5
    assert server.received == []
    assert envoy.stat(PREFIX + "incomplete_refused") == 1


def test_an_incomplete_message_may_pass_by_name_and_policies_see_it(start_envoy, server):
    incomplete = deny(incomplete=policy(has("x-metaprotocol-incomplete", "true")))
    listeners = [
        codec_listener("awesomerpc", [route("up")], name="passing", incomplete="pass"),
        codec_listener("awesomerpc", [route("up")], incomplete, name="denying", incomplete="pass"),
    ]
    envoy = start_envoy(bootstrap(listeners, [bridged("up", server.port)]))
    message = request(1, {"User": "x", "user": "y"})
    with Client(CODEC, envoy.port("passing")) as client:
        assert client.call(message).status_code == 0
    with Client(CODEC, envoy.port("denying")) as client:
        assert client.call(message).status_code == 7
    assert [with_id(CODEC, received, 1) for received in server.received] == [message]


@pytest.mark.parametrize(
    "headers", [{f"k{number}": "v" for number in range(1000)}, {"k": "v" * 65_000}], ids=["1,000 keys", "65 KB value"]
)
def test_properties_over_the_limits_are_refused_and_none_is_lost(start_envoy, server, headers):
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        answer = client.call(request(1, headers))
        assert answer.status_code == 5
        assert client.call(request(2)).status_code == 0
    assert len(server.received) == 1
    assert envoy.stat(PREFIX + "headers_over_limit") == 1


def test_the_limits_may_be_as_high_as_envoys(start_envoy, server):
    hcm = {"common_http_protocol_options": {"max_headers_count": 1100}, "max_request_headers_kb": 192}
    limits = {"max_headers": 1050, "max_headers_size": 180_000}
    envoy = start_envoy(
        bootstrap([codec_listener("awesomerpc", [route("up")], hcm=hcm, **limits)], [bridged("up", server.port)])
    )
    sent = request(1, {f"k{number}": "v" * 20 for number in range(900)})
    with Client(CODEC, envoy.port("in")) as client:
        assert client.call(sent).status_code == 0
    assert with_id(CODEC, server.received[0], 1) == sent


@pytest.mark.parametrize("what", ["name", "value", "operation"])
def test_a_field_that_is_longer_than_envoy_takes_is_refused_and_the_connection_goes_on(start_envoy, what):
    """Whatever the limits are: Envoy's HTTP/2 would end the connection, and all that is under way on it."""
    fifo = Fifo()
    options = {"common_http_protocol_options": {"max_headers_count": 5000}, "max_request_headers_kb": 8192}
    with serving(fifo, lambda message, connection: build(b"R", "fine")) as server:
        listener = codec_listener("live_engine.toys:Long", [route("up")], max_headers_size=1 << 20, hcm=options)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(fifo, envoy.port("in")) as client:
            longest = 65_535 if what == "operation" else 65_536  # a path begins with a slash
            for size, answer in (
                (longest, "fine"),
                (longest + 1, "bad_request"),
                (100 << 10, "bad_request"),
                (9, "fine"),
            ):
                assert client.call(build(b"Q", f"{what} {size}")).properties["body"] == answer
    assert envoy.stat(PREFIX + "headers_over_limit") == 2


def test_changes_cannot_cancel_each_other_out(start_envoy, server):
    """Two values that are swapped are two changes."""
    action = route("up")
    swap = [
        {"header": {"key": "a", "value": "%REQ(b)%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "b", "value": "one"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
    ]
    routes = [{**action, "request_headers_to_add": swap}]
    envoy = start_envoy(bootstrap([codec_listener("awesomerpc", routes)], [bridged("up", server.port)]))
    with Client(CODEC, envoy.port("in")) as client:
        client.call(request(1, {"a": "one", "b": "two"}))
    assert server.received[0].properties == {"cmd": "7", "a": "two", "b": "one"}


def test_headers_that_have_no_room_are_refused_and_not_hidden_from_policies(start_envoy):
    """At each length, also where the last header, which is denied, is the first that has no room."""
    options = {"common_http_protocol_options": {"max_headers_count": 5000}, "max_request_headers_kb": 8192}
    settings = {"max_headers": 4000, "max_headers_size": 1 << 20, "unsupported_mutation": "pass", "hcm": options}
    fifo = Fifo()
    with serving(fifo, lambda message, connection: build(b"R", "")) as server:
        denied = deny(role=policy(has("role", "admin")))
        listener = codec_listener("live_engine.toys:Wide", [route("up")], denied, **settings)
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with Client(fifo, envoy.port("in")) as client:

            def answer(size):
                return client.call(build(b"Q", str(size))).properties["body"]

            assert answer(10) == "unauthorized"
            room, over = (1 << 20) - 4000, (1 << 20) - 100
            while over - room > 1:
                middle = (room + over) // 2
                room, over = (middle, over) if answer(middle) == "unauthorized" else (room, middle)
            for size in range(over, over + 24):
                assert answer(size) == "bad_request"
            assert answer(10) == "unauthorized"
        assert server.received == []
        assert envoy.stat(PREFIX + "headers_over_limit") > 24


RESERVED = (
    *("x-envoy-overloaded", "X-Envoy-Degraded", "x-envoy-ratelimited", "x-envoy-upstream-service-time", ":status"),
    *("x-envoy-immediate-health-check-fail", "content-length", "transfer-encoding", "connection", "set-cookie", "te"),
    *("x-metaprotocol-reply", "X-Metaprotocol-Token", "grpc-status", "location", "date", "server", "x-property-a"),
    *("User", "a b", "%", "trailer", "upgrade", "x-request-id"),
)


@pytest.mark.parametrize(
    "properties",
    [dict.fromkeys(RESERVED, "1"), {f"k{at}": "v" for at in range(1000)}, {"k": "v" * 30_000, "K" * 255: "v" * 30_000}],
    ids=["reserved names", "1,000", "long"],
)
def test_properties_of_answers_steer_nothing_and_reach_the_client_as_they_are(start_envoy, properties):
    """Over any limit of headers, too: the answer is the server's, and its connection is used again."""
    with serving(CODEC, replying(b"answer", headers=properties)) as server:
        action = route("up", retry_policy={"retry_on": "5xx,envoy-ratelimited,gateway-error", "num_retries": 2})
        envoy = start_envoy(bootstrap([codec_listener("awesomerpc", [action])], [bridged("up", server.port)]))
        with Client(CODEC, envoy.port("in")) as client:
            for number in (1, 2):
                sent = replying(b"answer", headers=properties)(CODEC.decode(request(number), Direction.TO_SERVER), None)
                assert client.call(request(number)).message == sent
        assert len(server.received) == 2
        assert len(server.connections) == 1
        assert envoy.stat("cluster.up.membership_healthy") == 1
