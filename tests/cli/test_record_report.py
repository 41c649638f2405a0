"""The terminal after `metaprotocol record`."""

import io
import sys

import pytest

from metaprotocol_cli.record.report import TextReport
from metaprotocol_proxy import Address

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
