"""The terminal after `metaprotocol record`."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from metaprotocol_cli.record.report import JsonReport, TextReport
from metaprotocol_proxy import Address, Stats
from metaprotocol_sdk import Direction

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_cursor_is_shown_again_after_an_error(monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    def run() -> None:
        with TextReport(None) as report:
            report.listening([Address("127.0.0.1", 1)], None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    shown = terminal.getvalue()
    assert shown.rfind(SHOW_CURSOR) > shown.rfind(HIDE_CURSOR) >= 0
    assert sys.stderr is terminal


def test_bytes_after_the_end_of_the_protocol_are_counted(capsys) -> None:
    stats = Stats()
    stats.opaque[Direction.TO_SERVER], stats.opaque[Direction.TO_CLIENT] = 1_000, 200
    relay = SimpleNamespace(stats=lambda: stats, accepted=1, open_connections=0, codec=None)
    TextReport(None).summary(relay)
    assert "1,200 bytes came after the end of the protocol and were passed on unread\n" in capsys.readouterr().out
    JsonReport().summary(relay)
    assert json.loads(capsys.readouterr().out)["opaque"] == {"to_server": 1_000, "to_client": 200}
