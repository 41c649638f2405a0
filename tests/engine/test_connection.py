"""The codec's side of a connection: what becomes of a client's bytes, and of a server's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import thrift_messages
from hypothesis import given
from hypothesis import strategies as st
from live_engine.streams import build as stream

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_envoy import Settings, SettingsError
from metaprotocol_envoy.connection import (
    CLOSE,
    FORWARD,
    NEEDS_REPLY,
    ONEWAY_WITH_SECRET_ID,
    REPLY,
    Connection,
)
from metaprotocol_envoy.connection import (
    ONEWAY as ENDS_CONNECTION,
)
from metaprotocol_envoy.service import Service
from metaprotocol_envoy.statistics import NAMES, Counter, reply_counter, request_counter
from metaprotocol_sdk import (
    Codec,
    Correlation,
    Direction,
    ErrorType,
    MessageType,
    Metadata,
    Mutation,
    UpstreamConnection,
    register_codec,
    unregister_codec,
)

if TYPE_CHECKING:
    from metaprotocol_envoy.request import Request

awesome = AwesomeRpcCodec()
CALL, RESPONSE, ONEWAY, HEARTBEAT, HEARTBEAT_RESPONSE = range(5)


def connect(codec: str = "awesomerpc", **settings: Any) -> Connection:
    return Connection(Service(Settings(codec=codec, **settings)))


def request(properties: dict[str, str] | None = None, **settings: Any) -> Request:
    (step,) = connect(**settings).feed(awesome.build(CALL, 1, 7, headers=properties or {}, payload=b"hi"))
    assert step[0] == FORWARD
    return step[7]


def read(message: bytes, direction: Direction = Direction.TO_CLIENT) -> Metadata:
    return awesome.decode(message, direction)


def answer(
    to: Request, code: int = 0, headers: dict[str, str] | None = None, payload: bytes = b"", kind: int = RESPONSE
) -> bytes:
    """Return what a server sends, under the id with which the request came to it."""
    return awesome.build(kind, to.number, 7, code, headers or {}, payload)


def pairs(flat: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in zip(flat[::2], flat[1::2], strict=True)]


def test_a_request_becomes_path_authority_and_headers() -> None:
    message = awesome.build(CALL, 1, 7, headers={"service": "Greeter", "User": "Zoë", "host": "x"}, payload=b"hi")
    (step,) = connect(authority="reviews").feed(message)
    kind, counter, path, authority, own, flat, body, sent, wait = step
    assert (kind, NAMES[counter]) == (FORWARD, "metaprotocol.requests.request")
    assert (path, authority) == ("/Greeter/7", "reviews")
    assert own == ("x-metaprotocol-type", "request")
    assert flat == ("cmd", "7", "service", "Greeter", "user", "Zoë", "x-property-host", "x")
    assert body == message[:4] + sent.number.to_bytes(4) + message[8:]
    assert wait == NEEDS_REPLY


def test_the_authority_comes_from_a_property_if_that_is_a_host_name() -> None:
    settings = {"authority": "none", "authority_property": "service", "authority_suffix": ".svc"}
    for service, authority in [("Greeter", "Greeter.svc"), ("a b", "none"), ("x/../y", "none"), ("", "none")]:
        (step,) = connect(**settings).feed(awesome.build(CALL, 1, 7, headers={"service": service}))
        assert step[3] == authority


def test_a_heartbeat_is_answered_here() -> None:
    (step,) = connect().feed(awesome.build(HEARTBEAT, 5, 0))
    assert step == (REPLY, request_counter(MessageType.HEARTBEAT), awesome.build(HEARTBEAT_RESPONSE, 5, 0), False, True)


def test_what_a_client_sends_as_an_answer_goes_nowhere() -> None:
    steps = connect().feed(awesome.build(HEARTBEAT_RESPONSE, 5, 0) + awesome.build(RESPONSE, 6, 0))
    assert steps == [(REPLY, Counter.IGNORED, b"", False, False)] * 2


def test_an_unreadable_request_is_answered_and_the_next_one_forwarded() -> None:
    bad = bytes.fromhex("41520100 00000001 00000015 0007 0000 0003 09 61 00")
    first, second = connect().feed(bad + awesome.build(CALL, 2, 7))
    assert first[:2] == (REPLY, Counter.DECODE_ERRORS)
    assert read(first[2]).properties["cmd"] == "7"
    assert awesome.error_type(read(first[2])) is ErrorType.BAD_REQUEST
    assert second[0] == FORWARD


def test_bytes_of_another_protocol_end_the_connection_after_what_was_good() -> None:
    steps = connect().feed(awesome.build(CALL, 1, 7) + b"GET / HTTP/1.1\r\n")
    assert [step[0] for step in steps] == [FORWARD, CLOSE]
    assert steps[1][1] == Counter.DECODE_ERRORS


def test_names_that_differ_in_case_are_refused_or_marked() -> None:
    message = awesome.build(CALL, 1, 7, headers={"user": "jason", "User": "root"})
    (step,) = connect().feed(message)
    assert step[:2] == (REPLY, Counter.INCOMPLETE_REFUSED)
    (step,) = connect(incomplete="pass").feed(message)
    assert step[4] == ("x-metaprotocol-type", "request", "x-metaprotocol-incomplete", "true")


def test_more_properties_than_the_hcm_takes_are_refused_and_none_is_lost_in_silence() -> None:
    many = {f"k{number}": "" for number in range(1000)}
    for headers in (many, {"k": "v" * 60_000}):
        (step,) = connect().feed(awesome.build(CALL, 1, 7, headers=headers))
        assert step[:2] == (REPLY, Counter.HEADERS_OVER_LIMIT)
        assert awesome.error_type(read(step[2])) is ErrorType.BAD_REQUEST


@given(st.lists(st.integers(1, 60), max_size=8))
def test_the_steps_do_not_depend_on_how_the_bytes_came(cuts: list[int]) -> None:
    stream = b"".join(awesome.build(CALL, number, 7, headers={"user": "u"}) for number in range(4))
    connection = connect()
    steps = []
    at = 0
    for cut in cuts:
        steps += connection.feed(stream[at : at + cut])
        at += cut
    steps += connection.feed(stream[at:])
    assert b"".join(step[7].metadata.message for step in steps) == stream


def test_an_unchanged_request_is_sent_as_it_came_but_for_its_id() -> None:
    (step,) = connect().feed(awesome.build(CALL, 1, 7, headers={"user": "a"}))
    sent = step[7]
    after = [(b"user", b"a"), (b"cmd", b"7"), (b"x-envoy-attempt-count", b"2")]
    expected = awesome.build(CALL, sent.number, 7, headers={"user": "a"})
    assert step[6] == expected
    assert sent.outgoing(after, False) == (expected, -1)


def test_a_changed_header_changes_the_message() -> None:
    sent = request({"User": "a", "x": "1"})
    bytes_out, _ = sent.outgoing([(b"user", b"b"), (b"cmd", b"7"), (b"tag", b"t")], False)
    assert isinstance(bytes_out, bytes)
    changed = read(bytes_out, Direction.TO_SERVER)
    assert changed.properties == {"User": "b", "tag": "t", "cmd": "7"}
    assert changed.request_id == sent.number


def test_a_change_that_the_message_cannot_carry_is_refused_and_the_client_told() -> None:
    refused = request()
    assert refused.outgoing([(b"cmd", b"9")], False) == Counter.MUTATIONS_REFUSED
    counter, reply, close = refused.answer(refused.refusal())
    assert (counter, close) == (reply_counter(ErrorType.BAD_REQUEST), False)
    assert b"cannot be changed" in reply


def test_a_trace_that_a_message_has_no_room_for_is_left_out_and_other_changes_are_refused() -> None:
    call = thrift_messages.strict(thrift_messages.CALL, "hello", 7, b"\x00")
    (step,) = connect("thrift").feed(thrift_messages.framed(call))
    sent = step[7]
    traced = [(b"method", b"hello"), (b"traceparent", b"00-1-2-01"), (b"x-b3-traceid", b"1")]
    assert sent.outgoing(traced, False) == sent.outgoing([(b"method", b"hello")], False)
    assert sent.outgoing([*traced, (b"user", b"mary")], False) == Counter.MUTATIONS_REFUSED


def test_a_oneway_leaves_with_an_id_that_nobody_knows() -> None:
    message = awesome.build(ONEWAY, 1, 7)
    ids = set()
    for _ in range(3):
        (step,) = connect().feed(message)
        assert step[8] == ONEWAY_WITH_SECRET_ID
        ids.add(read(step[6], Direction.TO_SERVER).request_id)
    assert 1 not in ids
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("status", "details", "cause"),
    [
        (404, "route_not_found", "no_route"),
        (503, "cluster_not_found", "no_route"),
        (503, "no_healthy_upstream", "no_healthy_upstream"),
        (503, "upstream_reset_before_response_started{remote_connection_failure|delayed}", "no_healthy_upstream"),
        (503, "upstream_reset_before_response_started{overflow}", "over_limit"),
        (504, "response_timeout", "timeout"),
        (403, "rbac_access_denied_matched_policy[none]", "unauthorized"),
        (429, "local_rate_limited", "over_limit"),
        (503, "fault_filter_abort", "other"),
        (504, "fault_filter_abort", "timeout"),
        (429, "fault_filter_abort", "over_limit"),
        (400, "fault_filter_abort", "bad_request"),
        (404, "metaprotocol_no_bridge", "no_route"),
        (200, "via_upstream", "no_route"),
        (503, "", "other"),
        (0, "", "other"),
    ],
)
def test_a_local_reply_is_the_protocols_own_error_by_its_cause(status: int, details: str, cause: str) -> None:
    from metaprotocol_codecs.awesomerpc.codec import STATUSES

    _, reply, _ = request().local_reply(status, details)
    assert read(reply).request_id == 1
    assert read(reply).status_code == STATUSES[cause]


def test_an_error_ends_with_the_ids_of_the_request_and_its_trace() -> None:
    _, reply, _ = request().local_reply(504, "response_timeout\nrequest 1-2, trace ab")
    assert reply.endswith(b"response_timeout (request 1-2, trace ab)")
    sent = request()
    _, reply, _ = sent.answer(sent.bad_response(), "request 1-2")
    assert reply.endswith(b"no answer to the request (request 1-2)")


def test_an_answer_has_a_status_headers_and_the_servers_bytes_with_the_clients_id() -> None:
    sent = request()
    attempt, came = sent.attempt(), answer(sent, headers={"host": "a"}, payload=b"yes")
    assert attempt.feed(came[:5]) is None
    status, own, flat, message, _, unclean, stateful = attempt.feed(came[5:])
    assert status == 200
    assert own == ("x-metaprotocol-type", "response", "x-metaprotocol-status-code", "0")
    assert flat == ("cmd", "7", "x-property-host", "a")
    restored = awesome.build(RESPONSE, 1, 7, headers={"host": "a"}, payload=b"yes")
    assert (message, unclean, stateful) == (restored, False, False)


@pytest.mark.parametrize(("code", "status"), [(1, 404), (4, 504), (7, 403), (255, 500)])
def test_a_failure_of_the_protocol_is_an_http_status(code: int, status: int) -> None:
    sent = request()
    assert sent.attempt().feed(answer(sent, code))[0] == status


def test_an_answer_with_another_id_reaches_nobody() -> None:
    for number in (1, 2):
        sent = request()
        assert sent.number != number
        assert sent.attempt().feed(awesome.build(RESPONSE, number, 7)) == Counter.UPSTREAM_CLOSED


def test_a_late_copy_of_an_answer_reaches_nobody_and_ends_the_connection_to_the_server() -> None:
    first, second = (step[7] for step in connect().feed(awesome.build(CALL, 1, 7) * 2))
    assert first.number != second.number
    attempt = second.attempt()
    assert attempt.feed(answer(first, payload=b"first")) is None
    result = attempt.feed(answer(second, payload=b"second"))
    assert (result[3], result[5]) == (awesome.build(RESPONSE, 1, 7, payload=b"second"), True)


def test_a_decoder_is_used_again_only_after_one_whole_answer_and_nothing_more() -> None:
    connection = connect()
    (step,) = connection.feed(awesome.build(CALL, 1, 7))
    spare, came = connection.service.spare_decoders, answer(step[7])
    for wrong in (came + b"A", came + came, awesome.build(RESPONSE, 2, 7), b"HTTP/1.1"):
        step[7].attempt().feed(wrong)
        assert spare == []
    attempt = step[7].attempt()
    assert attempt.feed(came[:-1]) is None
    attempt.feed(came[-1:])
    (decoder,) = spare
    assert not decoder.buffered
    assert step[7].attempt().feed(came)[3] == awesome.build(RESPONSE, 1, 7)
    assert spare == [decoder]


@pytest.mark.parametrize("surplus", [b"A", awesome.build(RESPONSE, 1, 7), awesome.build(RESPONSE, 2, 7), b"GET /"])
def test_surplus_bytes_after_an_answer_end_the_connection_to_the_server(surplus: bytes) -> None:
    sent = request()
    result = sent.attempt().feed(answer(sent) + surplus)
    assert result[3] == awesome.build(RESPONSE, 1, 7)
    assert result[5] is True


def test_what_a_server_asks_on_the_way_is_not_an_answer() -> None:
    sent = request()
    attempt = sent.attempt()
    assert attempt.feed(answer(sent, kind=HEARTBEAT)) is None
    assert attempt.feed(answer(sent))[5] is True


def test_garbage_from_a_server_is_no_answer() -> None:
    assert request().attempt().feed(b"HTTP/1.1 400 Bad Request\r\n\r\n") == Counter.UPSTREAM_CLOSED


def test_a_changed_response_header_changes_the_answer() -> None:
    sent = request()
    *_, flat, message, reply, _, _ = sent.attempt().feed(answer(sent, headers={"host": "a"}))
    ignored = [(b"server", b"envoy"), (b"date", b"now"), (b"x-envoy-upstream-service-time", b"1")]
    assert reply.deliver_changed([*pairs(flat), *ignored]) == (-1, message, False)
    _, changed, _ = reply.deliver_changed([*pairs(flat), (b"tag", b"t")])
    assert read(changed).properties == {"host": "a", "tag": "t", "cmd": "7"}
    assert read(changed).request_id == read(message).request_id == 1


def test_a_response_that_cannot_carry_its_change_is_an_error() -> None:
    sent = request()
    *_, reply, _, _ = sent.attempt().feed(answer(sent))
    counter, error, close = reply.deliver_changed([(b"cmd", b"8")])
    assert (counter, close, read(error).status_code) == (Counter.MUTATIONS_REFUSED, False, 6)


class Bug(Exception):
    pass


class BuggyCodec(AwesomeRpcCodec):
    name = "buggy"
    where: ClassVar[str] = ""

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        self.fail(f"decode {direction}")
        return super().decode(message, direction)

    def encode(self, *args: Any) -> bytes:
        self.fail("encode")
        return super().encode(*args)

    def on_error(self, *args: Any) -> bytes:
        self.fail("on_error")
        return super().on_error(*args)

    def fail(self, where: str) -> None:
        if where == BuggyCodec.where:
            raise Bug(where)


@pytest.fixture
def buggy(monkeypatch: pytest.MonkeyPatch) -> Any:
    register_codec(BuggyCodec)
    yield lambda where: monkeypatch.setattr(BuggyCodec, "where", where)
    unregister_codec("buggy")


def test_no_exception_of_a_codec_gets_out(buggy: Any, capfd: pytest.CaptureFixture[str]) -> None:
    connection = connect("buggy")
    call = awesome.build(CALL, 1, 7)
    (step,) = connection.feed(call)
    sent = step[7]
    buggy("encode")
    assert sent.outgoing([], False) == Counter.CODEC_EXCEPTIONS
    buggy("on_error")
    assert sent.local_reply(404, "route_not_found") == (Counter.CODEC_EXCEPTIONS, b"", True)
    buggy("decode to_client")
    assert sent.attempt().feed(answer(sent)) == Counter.CODEC_EXCEPTIONS
    buggy("decode to_server")
    assert connection.feed(call) == [(CLOSE, Counter.CODEC_EXCEPTIONS)]
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all("raised Bug" in line and "test_connection.py" in line for line in lines)


class EchoCodec(AwesomeRpcCodec):
    name = "echoing"
    echoed_properties = frozenset({"user"})


def test_a_property_that_the_answer_repeats_is_put_back_as_the_client_sent_it() -> None:
    register_codec(EchoCodec)
    try:
        connection = connect("echoing")
        (step,) = connection.feed(awesome.build(CALL, 1, 7, headers={"user": "a"}))
        sent = step[7]
        assert b"b" in sent.outgoing([(b"user", b"b"), (b"cmd", b"7")], False)[0]
        *_, message, _, _, _ = sent.attempt().feed(answer(sent, headers={"user": "b"}))
    finally:
        unregister_codec("echoing")
    assert read(message).properties["user"] == "a"


class SessionCodec(AwesomeRpcCodec):
    name = "sessions"
    upstream_connection = UpstreamConnection.SESSION


class OrderedCodec(AwesomeRpcCodec):
    name = "in-order"
    correlation = Correlation.FIFO


class UnnumberedCodec(AwesomeRpcCodec):
    name = "unnumbered"

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        return Codec.encode(self, metadata, mutation, request_id)


class FewIdsCodec(AwesomeRpcCodec):
    name = "few-ids"
    max_request_id = 254


class StatefulCodec(AwesomeRpcCodec):
    name = "stateful"

    def for_connection(self) -> StatefulCodec:
        return StatefulCodec()


@pytest.mark.parametrize("codec", [UnnumberedCodec, FewIdsCodec, StatefulCodec])
def test_a_request_that_keeps_its_id_leaves_no_connection_to_others(codec: type[AwesomeRpcCodec]) -> None:
    register_codec(codec)
    try:
        (call,) = connect(codec.name).feed(awesome.build(CALL, 1, 7))
        (oneway,) = connect(codec.name).feed(awesome.build(ONEWAY, 1, 7))
    finally:
        unregister_codec(codec.name)
    assert call[6] == awesome.build(CALL, 1, 7)
    assert call[7].attempt().feed(awesome.build(RESPONSE, 1, 7))[5] is True
    assert oneway[8] == ENDS_CONNECTION


class GreetingCodec(AwesomeRpcCodec):
    name = "greeting"
    server_first = True


@pytest.mark.parametrize(("codec", "need"), [(SessionCodec, "session"), (GreetingCodec, "speak first")])
def test_a_codec_that_needs_what_is_not_built_is_refused_with_the_reason(codec: Any, need: str) -> None:
    register_codec(codec)
    try:
        with pytest.raises(SettingsError, match=f"cannot run in Envoy yet: .*{need}"):
            Service(Settings(codec=codec.name))
    finally:
        unregister_codec(codec.name)


def test_replies_keep_the_order_of_requests_where_the_protocol_has_no_ids() -> None:
    register_codec(OrderedCodec)
    try:
        assert Service(Settings(codec="in-order")).in_order is True
    finally:
        unregister_codec("in-order")
    assert Service(Settings(codec="awesomerpc")).in_order is False


def test_the_end_of_a_stream_does_not_end_another_of_its_id() -> None:
    connection = connect("live_engine.streams:Streams")
    first, _, second = connection.feed(stream(b"I", 1) + stream(b"X", 1) + stream(b"I", 1))
    first[7].close_stream()  # which Envoy says late
    assert connection.streams == {1: second[7]}
    second[7].close_stream()
    assert connection.streams == {}


class UncopyableCodec(AwesomeRpcCodec):
    name = "uncopyable"

    def for_connection(self) -> UncopyableCodec:
        codec = UncopyableCodec()
        codec.lock = threading.Lock()
        return codec


class ConnectionlessCodec(AwesomeRpcCodec):
    name = "connectionless"

    def for_connection(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("codec", "problem"),
    [
        (UncopyableCodec, r"copy\.deepcopy copies.*cannot pickle"),
        (ConnectionlessCodec, r"for_connection returns a codec, not None"),
    ],
)
def test_a_codec_that_has_none_for_a_connection_is_refused_when_it_is_loaded(
    codec: type[AwesomeRpcCodec], problem: str
) -> None:
    register_codec(codec)
    try:
        with pytest.raises(SettingsError, match=problem):
            Service(Settings(codec=codec.name))
    finally:
        unregister_codec(codec.name)
