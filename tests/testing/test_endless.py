"""The watchdog ends a call that does not end, wherever it hangs."""

import re
import signal
import threading

import pytest

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing import Case, Result, Subject, Verdict, explain, properties
from metaprotocol_sdk.testing._watchdog import Endless, watchdog

BRIEF = 0.2  # seconds
GOOD = next(data for way, data in AwesomeRpcCodec().examples() if way is Direction.TO_SERVER)

needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this operating system has no SIGALRM")


class Loops(AwesomeRpcCodec):
    def decode(self, message, direction):
        while message:
            pass
        return super().decode(message, direction)


def test_a_loop_is_ended() -> None:
    with watchdog(BRIEF) as limit, pytest.raises(Endless), limit():
        Loops().decode(GOOD, Direction.TO_SERVER)


def test_a_loop_is_ended_by_another_thread_where_there_are_no_signals() -> None:
    with watchdog(BRIEF, signals=False) as limit, pytest.raises(Endless), limit():
        Loops().decode(GOOD, Direction.TO_SERVER)


@needs_alarms
def test_a_regular_expression_that_goes_back_and_back_is_ended() -> None:
    with watchdog(BRIEF) as limit, pytest.raises(Endless, match=r"0\.2 seconds of processor time"), limit():
        re.match(r"(a|aa)+$", "a" * 42 + "b")


@needs_alarms
def test_waiting_for_a_lock_that_is_never_released_is_ended() -> None:
    lock = threading.Lock()
    lock.acquire()
    with watchdog(BRIEF) as limit, pytest.raises(Endless, match=r"waited for 0\.6 seconds"), limit():
        lock.acquire(timeout=60)


@needs_alarms
def test_the_alarm_of_others_is_theirs() -> None:
    def theirs(number, frame):
        pass

    previous = signal.signal(signal.SIGALRM, theirs)
    try:
        with watchdog(BRIEF) as limit, pytest.raises(Endless), limit():
            Loops().decode(GOOD, Direction.TO_SERVER)
        assert signal.getsignal(signal.SIGALRM) is theirs
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_what_is_endless_can_be_explained() -> None:
    (found,) = properties(["MP-HOSTILE-001"])
    result = Result(found, Verdict.FAILS, 1, 0, "it had not ended", Case(GOOD))
    assert "the input, " in explain(Subject(Loops), result)
