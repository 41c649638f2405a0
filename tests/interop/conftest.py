"""Shared by all tests with real peers: the table of those that ran, and real Envoys."""

import pytest
from live_envoy.fixtures import _running, _starting, _watched, release, start_envoy
from peers.register import table

__all__ = ["_running", "_starting", "_watched", "release", "start_envoy"]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = table()
    if lines:
        terminalreporter.section("peers that really ran")
        for line in lines:
            terminalreporter.write_line(line)
