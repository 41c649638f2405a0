"""What all tests with real peers share: the table of those that ran."""

import pytest
from peers.register import table


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = table()
    if lines:
        terminalreporter.section("peers that really ran")
        for line in lines:
            terminalreporter.write_line(line)
