"""A capture of a mesh writes Envoy's traces, and hostile ones do no harm."""

import asyncio
import io
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh_files import LISTENER, ROUTES, SERVICE, manager, rendered

from metaprotocol_mesh.capture import tap
from metaprotocol_mesh.capture.conditions import matching
from metaprotocol_mesh.capture.file import CaptureFileError, CaptureWriter, Exchange, Redacted, Redaction, read
from metaprotocol_mesh.capture.tap import TapError, Traces, tapping
from metaprotocol_mesh.capture.traces import exchange_of
from metaprotocol_sdk import Direction, MessageType, Status

TAP = "envoy.filters.http.tap"


def trace(request: dict[str, str] | None = None, response: dict[str, str] | None = None, body: str = "") -> Any:
    """Return a trace as Envoy writes it."""
    request = {":path": "/reviews/7", "x-metaprotocol-type": "request", **(request or {})}
    address = {"socket_address": {"protocol": "TCP", "address": "127.0.0.1", "port_value": 40000}}
    found: dict[str, Any] = {
        "request": {"headers": headers(request), "headers_received_time": "2026-01-02T03:04:05.000006Z"},
        "downstream_connection": {"local_address": address, "remote_address": address},
    }
    if response is not None:
        found["response"] = {"headers": headers(response), "headers_received_time": "2026-01-02T03:04:05.000106Z"}
        if body:
            found["response"]["body"] = {"as_string": body, "truncated": False}
    return {"http_buffered_trace": found}


def headers(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value, "raw_value": ""} for key, value in values.items()]


ANSWER = {":status": "200", "x-metaprotocol-reply": "7e8e", "x-metaprotocol-type": "response"}


def exchange(*arguments: Any, **more: Any) -> Exchange:
    found = exchange_of(trace(*arguments, **more))
    assert found is not None
    return found


def test_a_trace_is_a_request_and_its_answer() -> None:
    found = exchange({"user": "jason", "x-request-id": "1"}, {**ANSWER, "x-metaprotocol-status-code": "20"})
    assert (found.client, found.listener) == ("127.0.0.1:40000", "127.0.0.1:40000")
    assert (found.request.type, found.request.operation) == (MessageType.REQUEST, "reviews/7")
    assert found.request.properties == {"user": "jason"}
    assert found.answer is not None
    assert (found.answer.status, found.answer.status_code, found.answer.local) == (Status.OK, 20, None)
    assert found.answer.time - found.request.time == 100_000


def test_an_answer_of_envoy_itself_has_its_cause() -> None:
    found = exchange({}, {":status": "503", "server": "envoy", "user": "x"}, body="no healthy upstream").answer
    assert found is not None
    assert (found.status, found.local, found.properties) == (Status.ERROR, "HTTP 503: no healthy upstream", {})


def test_a_text_that_is_not_envoy_s_own_is_left_out() -> None:
    found = exchange({}, {":status": "403"}, body="jason may not").answer
    assert found is not None
    assert found.local == "HTTP 403"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"socket_buffered_trace": {}}, {"http_buffered_trace": None}, {"http_buffered_trace": {"request": []}}],
)
def test_what_is_not_a_message_is_left_out(wrong: Any) -> None:
    assert exchange_of(wrong) is None


NAMES = ["request", "response", "headers", "key", "value", "body", "as_string", "headers_received_time"]
NAMES += ["client", "listener", "answer", "type", "time", "properties", "size"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "http_buffered_trace",
                    "request",
                    "response",
                    "headers",
                    "key",
                    "value",
                    "body",
                    "as_string",
                    "headers_received_time",
                ]
            )
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(st.text(max_size=9), JSON),
    st.dictionaries(st.sampled_from([":path", ":status", "a", "%zz", "x-metaprotocol-status-code"]), st.text()),
    JSON,
)
def test_no_trace_does_harm(fields: dict[str, Any], values: dict[str, str], wrong: Any) -> None:
    for one in (
        fields,
        {"http_buffered_trace": wrong},
        trace(values, {":status": "200", "x-metaprotocol-reply": "", **values}),
        {"http_buffered_trace": {**trace()["http_buffered_trace"], "response": wrong, "downstream_connection": wrong}},
    ):
        found = exchange_of(one)
        if found is not None:
            written(found)


REDACTED = Redaction()


def written(*exchanges: Exchange, redaction: Redaction = REDACTED, size: int = 1 << 20) -> bytes:
    file = io.BytesIO()
    writer = CaptureWriter(file, redaction, size)
    for one in exchanges:
        writer.add(one)
    assert writer.size == len(file.getvalue()) <= size
    return file.getvalue()


@given(
    st.dictionaries(
        st.text("abcdefghij", min_size=1), st.text("0123456789.-KLMNOPQRSTUVWXYZ%ß", min_size=3), max_size=5
    )
)
def test_no_value_is_written_by_default(properties: dict[str, str]) -> None:
    found = exchange(properties, {**ANSWER, **properties})
    text = written(found).decode()
    for part in (found.request, found.answer):
        assert part is not None
        assert part.properties.keys() == properties.keys()
        for value in part.properties.values():
            assert isinstance(value, str)
            assert json.dumps(value) not in text
    (again,) = read([text.encode()])
    assert all(isinstance(value, Redacted) for one in again.messages for value in one.properties.values())


def test_kinds_and_sizes_are_written() -> None:
    (found,) = read([written(exchange({"a": "-12", "b": "größe", "c": "%"}))])
    assert found.request.properties == {"a": Redacted("number", 3), "b": Redacted("text", 7), "c": Redacted("text", 0)}


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"]))), st.data())
def test_what_was_written_is_read(properties: dict[str, str], data: st.DataObject) -> None:
    found = exchange(properties, ANSWER)
    text = written(found, found, redaction=Redaction(everything=True))
    cut = data.draw(st.integers(0, len(text)))
    assert list(read([text[:cut], text[cut:]])) == [found, found]


def test_values_of_named_properties_are_written() -> None:
    (found,) = read([written(exchange({"a": "1", "b": "2"}), redaction=Redaction({"b"}))])
    assert found.request.properties == {"a": Redacted("number", 1), "b": "2"}


def test_the_size_of_the_file_is_bounded() -> None:
    one = exchange({"a": "x" * 100})
    assert len(list(read([written(*[one] * 100, size=2000)]))) < 100


GOOD = written(exchange({"a": "1"}, ANSWER))


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        (GOOD[:-5], "cut off in line 2"),
        (GOOD.replace(b'"request":', b'"request" '), "line 2 of the capture is not JSON"),
        (GOOD.replace(b'"type": "request"', b'"type": "rest"'), "line 2 of the capture is not an exchange"),
        (GOOD.replace(b'"size": 1', b'"size": "1"'), "line 2 of the capture is not an exchange"),
        (GOOD.replace(b'capture": 1', b'capture": 2'), "has the form 2"),
        (b"[" * 100_000 + b"\n", "line 1 of the capture is not JSON"),
        (b"x" * (17 << 20), "line 1 of the capture has more than"),
    ],
    ids=["cut", "no JSON", "wrong type", "wrong size", "version", "deep", "long"],
)  # fmt: skip
def test_a_damaged_file_is_told(damaged: bytes, says: str) -> None:
    with pytest.raises(CaptureFileError, match=says):
        list(read([damaged]))


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from(["client", "request", "answer"]), JSON)
def test_a_wrong_file_is_read_or_told(fields: dict[str, Any], key: str, wrong: Any) -> None:
    head, line = GOOD.splitlines(keepends=True)
    for one in (fields, {**json.loads(line), key: wrong}, wrong):
        try:
            list(read([head, json.dumps(one).encode() + b"\n"]))
        except CaptureFileError as error:
            assert "line 2 of the capture is not an exchange" in str(error)  # noqa: PT017 - many are read


TEXT = json.dumps(trace({"user": "}\n}\n{"}, ANSWER), indent=1).encode()


@given(st.lists(st.integers(0, 2 * len(TEXT) + 2), max_size=8))
def test_traces_are_cut_anywhere(cuts: list[int]) -> None:
    stream = TEXT + b"\n" + TEXT + b"\n"
    places = sorted({0, *cuts, len(stream)})
    traces = Traces()
    found = [one for a, b in itertools.pairwise(places) for one in traces.feed(stream[a:b])]
    traces.end()
    assert found == [json.loads(TEXT)] * 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"not json\n}", "not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"\n}", "not JSON"),
        (b'"a' + b" " * (17 << 20), "more than"),
        (b"\xff\xfe{\n}", "not JSON"),
    ],
    ids=["no JSON", "deep", "long", "no UTF-8"],
)
def test_a_stream_that_is_not_of_traces_is_told(data: bytes, says: str) -> None:
    with pytest.raises(TapError, match=says):
        list(Traces().feed(data))


def test_a_stream_that_ends_inside_a_trace_is_told() -> None:
    traces = Traces()
    assert list(traces.feed(TEXT[:-2])) == []
    with pytest.raises(TapError, match="ends inside a trace"):
        traces.end()


@asynccontextmanager
async def answering(path: Path, answer: bytes) -> AsyncIterator[list[bytes]]:
    """Run a server on a unix socket that answers each request so, and keep the requests."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        asked.append(await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield asked


def tapped(tmp_path: Path, answer: bytes) -> list[Any]:
    async def run() -> list[Any]:
        path = tmp_path / "s"
        async with answering(path, answer) as asked, tapping(path, matching({})) as traces:
            found = [one async for one in traces]
            assert json.loads(asked[0])["config_id"] == "metaprotocol"
            return found

    return asyncio.run(run())


OK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_traces_come_in_chunks_of_any_size(tmp_path: Path) -> None:
    stream = TEXT + b"\n" + TEXT
    answer = OK + b"".join(chunk(stream[at : at + 7]) for at in range(0, len(stream), 7)) + b"0\r\n\r\n"
    assert tapped(tmp_path, answer) == [json.loads(TEXT)] * 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "does not answer as Envoy"),
        (b"SSH-2.0\r\n\r\n", "does not answer as Envoy"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000, "does not answer as Envoy"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", "does not answer as Envoy"),
        (OK + b"zz\r\n", "no chunk"),
        (OK + b"fffffffff\r\n", "no chunk"),
        (OK + b"1" * 200_000, "no chunk"),
        (OK + b"ffffffff\r\n{", "ends inside a trace"),
        (OK + chunk(b"{\n]\n}"), "not JSON"),
        (OK.replace(b"200 OK", b"400 no") + chunk(b"An attached /tap admin stream already exists. Detach it."),
         "another capture"),
        (OK.replace(b"200 OK", b"400 no") + chunk(b"Unknown config id 'metaprotocol'"), "has no tap"),
        (OK.replace(b"200 OK", b"404 no") + chunk(b"invalid path"), "has no tap"),
        (OK.replace(b"200 OK", b"500 no") + chunk(b"why"), r"refuses to capture \(500\): why"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_of_a_tap_is_told(tmp_path: Path, answer: bytes, says: str) -> None:
    with pytest.raises(TapError, match=says):
        tapped(tmp_path, answer)


def test_no_envoy_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with tapping(tmp_path / "none", matching({})):
            pass

    with pytest.raises(TapError, match="there is no Envoy at"):
        asyncio.run(run())


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(tap, "_ANSWER_PATIENCE", 0.01)

    async def run() -> None:
        async with tapping(tmp_path / "s", matching({})):
            pass

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(TapError, match="does not answer"):
            asyncio.run(run())


@pytest.mark.parametrize(
    ("conditions", "says"),
    [({"User": "a", "user": "b"}, "there twice"), ({"user": "a *"}, "a space before")],
)
def test_conditions_that_envoy_cannot_tell_are_refused(conditions: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        matching(conditions)


def test_only_an_envoy_with_an_admin_interface_has_a_tap(tmp_path: Path) -> None:
    """Without one, Envoy 1.39 and 1.40 crash at the filter."""
    found = rendered(SERVICE, ROUTES, LISTENER)

    def filters(listeners: Any) -> list[str]:
        return [one["name"] for one in manager(listeners[0])["http_filters"]]

    assert TAP not in filters(found.bootstrap()["static_resources"]["listeners"])
    assert filters(found.bootstrap("admin.sock")["static_resources"]["listeners"])[:2] == [
        "metaprotocol.admission",
        TAP,
    ]
    assert filters(found.files(tmp_path)["listeners.json"]["resources"])[:2] == ["metaprotocol.admission", TAP]
    assert exchange().request.direction is Direction.TO_SERVER
