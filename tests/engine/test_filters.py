"""Filters in Python: how they are found, what they see, and what becomes of what they want."""

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_envoy import Context, Filter, Settings, SettingsError, filters
from metaprotocol_envoy.connection import Connection
from metaprotocol_envoy.filters import FAIL, GO, STOP, FilterRunner
from metaprotocol_envoy.request import Request
from metaprotocol_envoy.service import Service
from metaprotocol_sdk import Error, ErrorType, Metadata, Mutation

awesome = AwesomeRpcCodec()
WHERE = ("10.0.0.1:5", "spiffe://a", "", "10.0.0.2:80", "default")


class Recording(Filter):
    seen: list[tuple[Context, Metadata]]

    def __init__(self, config: str = "") -> None:
        super().__init__(config)
        self.seen = []
        self.answer: Any = None

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        self.seen.append((context, metadata))
        mutation["New-Name"] = "\u00fc%"
        mutation["User"] = None
        return self.answer

    def on_response(self, context: Context, metadata: Metadata, mutation: Mutation) -> None:
        self.seen.append((context, metadata))
        return self.answer


def request(properties: dict[str, str]) -> Request:
    connection = Connection(Service(Settings(codec="awesomerpc")))
    (step,) = connection.feed(awesome.build(0, 1, 7, headers=properties))
    return step[7]


def test_a_filter_sees_the_request_as_the_filters_before_have_left_it() -> None:
    recording = Recording()
    sent = request({"User": "a", "service": "s"})
    after = [(b"cmd", b"7"), (b"user", b"b"), (b"x-request-id", b"1"), (b"tag", b"t%25")]
    FilterRunner(recording).request(sent, after, WHERE)
    ((context, metadata),) = recording.seen
    assert context == Context(*WHERE)
    assert metadata.properties == {"cmd": "7", "User": "b", "tag": "t%"}
    assert sent.metadata.properties == {"cmd": "7", "User": "a", "service": "s"}


def test_a_mutation_is_a_change_of_headers_and_new_names_keep_their_case() -> None:
    sent = request({"User": "a"})
    outcome = FilterRunner(Recording()).request(sent, [(b"cmd", b"7"), (b"user", b"a")], WHERE)
    assert outcome == (GO, "", ("new-name", "\u00fc%25", "user", None))
    message, _ = sent.outgoing([(b"cmd", b"7"), (b"new-name", "\u00fc%25".encode())], False)
    assert awesome.decode(message, "to_server").properties == {"cmd": "7", "New-Name": "\u00fc%"}


def test_a_filter_sees_an_answer_under_the_id_that_the_client_gave_its_request() -> None:
    recording = Recording()
    sent = request({})
    *_, reply, _, _ = sent.attempt().feed(awesome.build(1, sent.number, 7))
    FilterRunner(recording).response(reply, [(b"cmd", b"7")], WHERE)
    ((_, metadata),) = recording.seen
    assert metadata.request_id == metadata.request.request_id == 1
    assert reply.deliver() == (-1, awesome.build(1, 1, 7), False)


def test_an_error_is_the_answer_to_the_client() -> None:
    recording = Recording()
    recording.answer = Error(ErrorType.UNAUTHORIZED, "not you")
    sent = request({})
    status, details, _ = FilterRunner(recording).request(sent, [], WHERE)
    assert (status, details) == (STOP, "metaprotocol_filter:unauthorized")
    _, reply, _ = sent.local_reply(403, details)
    assert reply.endswith(b"not you")


@pytest.mark.parametrize("answer", ["no", Error("over_limit", "")])
def test_what_is_not_an_error_fails_closed(capfd: pytest.CaptureFixture[str], answer: Any) -> None:
    recording = Recording()
    recording.answer = answer
    assert FilterRunner(recording).request(request({}), [], WHERE)[0] == FAIL
    assert "on_request returns an Error with an ErrorType, or None" in capfd.readouterr().err


def test_an_error_for_an_answer_fails_closed_since_the_answer_would_pass(capfd: pytest.CaptureFixture[str]) -> None:
    recording = Recording()
    recording.answer = Error(ErrorType.UNAUTHORIZED, "not for you")
    sent = request({})
    *_, reply, _, _ = sent.attempt().feed(awesome.build(1, sent.number, 7))
    assert FilterRunner(recording).response(reply, [(b"cmd", b"7")], WHERE)[0] == FAIL
    assert "on_response returns None" in capfd.readouterr().err


def test_a_filter_that_raises_when_it_is_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raises_at_once.py").write_text("1 / 0", "ascii")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingsError, match="'raises_at_once:X' cannot be loaded: ZeroDivisionError"):
        FilterRunner.parse("filter = raises_at_once:X")


def test_a_filter_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("recording", f"{__name__}:Recording", filters.GROUP)])
    monkeypatch.setattr(filters, "entry_points", points.select)
    assert isinstance(FilterRunner.parse("filter = recording\nconfig = x = y")._filter, Recording)
    with pytest.raises(SettingsError, match="there is no filter 'other'; installed are: recording"):
        FilterRunner.parse("filter = other")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("config = x", "the settings filter and config, not config"),
        ("filter = a:b\nspeed = 1", "not filter, speed"),
        ("filter = no_such_module:X", "no_such_module"),
        ("filter = builtins:dict", "is not a subclass"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        FilterRunner.parse(text)
