"""Lines that peers can cause at any rate are written once a second."""

from metaprotocol_envoy.connection import Connection
from metaprotocol_envoy.log import Rationed
from metaprotocol_envoy.service import Service
from metaprotocol_envoy.settings import Settings


def test_a_line_a_second_is_written_and_tells_how_many_were_left_out(capsys):
    now = 100.0
    lines = Rationed(lambda: now)
    for _ in range(1_001):
        lines.report("garbage")
    now += 0.9
    lines.report("garbage")
    now += 0.2
    lines.report("garbage")
    now += 1.5
    lines.report("other garbage")
    assert capsys.readouterr().err.splitlines() == [
        "metaprotocol: garbage",
        "metaprotocol: garbage (1,001 more lines before it were left out)",
        "metaprotocol: other garbage",
    ]


def test_connections_that_send_garbage_are_rationed(capsys, monkeypatch):
    monkeypatch.setattr("metaprotocol_envoy.connection._CLOSING", Rationed(lambda: 0.0))
    service = Service(Settings(codec="awesomerpc"))
    for _ in range(100):
        Connection(service).feed(b"GET / HTTP/1.1\r\n\r\n")
    assert len(capsys.readouterr().err.splitlines()) == 1
