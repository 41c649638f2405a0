"""Work is counted in lines and copied bytes, the same in every run."""

import gc
import sys
import threading
from collections.abc import Callable

import pytest

from metaprotocol_sdk.testing._work import Work, peak_of, seconds_of, work_of

KIB = 1024


def slices(data: bytes) -> None:
    for at in range(len(data)):
        data[at:].find(b"x")


def slices_in_one_line(data: bytes) -> None:
    [data[at:].find(b"x") for at in range(len(data))]


def slices_by_a_generator(data: bytes) -> None:
    sum(data[at:].find(b"x") for at in range(len(data)))


def slices_by_a_function(data: bytes) -> None:
    list(map(lambda at: data[at:].find(b"x"), range(len(data))))  # noqa: C417 - the call is what is counted


def sums_of_bytes(data: bytes) -> None:
    copy = b""
    while len(copy) < len(data):
        copy += b"x"


def long_numbers(data: bytes) -> None:
    value = 0
    for byte in data:
        value = value << 8 | byte


COPIES = [slices, slices_in_one_line, slices_by_a_generator, slices_by_a_function, sums_of_bytes, long_numbers]


@pytest.mark.parametrize("action", COPIES)
def test_copies_are_seen_that_are_gone_before_the_next_line(action: Callable[[bytes], None]) -> None:
    data = b"a" * 4 * KIB
    copied = work_of(lambda: action(data)).copied
    all_but_small = (len(data) ** 2 - KIB**2) / 2
    assert 0.9 * all_but_small < copied < 2.5 * all_but_small  # a line may make two


@pytest.mark.parametrize("action", COPIES)
def test_each_iteration_is_a_line_wherever_the_loop_stands(action: Callable[[bytes], None]) -> None:
    assert work_of(lambda: action(bytes(1_000))).lines >= 1_000


@pytest.mark.parametrize("action", COPIES)
def test_work_is_the_same_in_every_run(action: Callable[[bytes], None]) -> None:
    def count() -> Work:
        return work_of(lambda: action(bytes(2 * KIB)))

    count()  # the first run fills caches
    assert count() == count()


def test_a_text_that_is_appended_to_is_not_copied() -> None:
    def append() -> None:
        text = ""
        for _ in range(8 * KIB):
            text += "x"

    assert work_of(append).copied < 64 * KIB


def test_buffers_and_tables_that_double_are_copied_in_proportion() -> None:
    def collect(count: int) -> None:
        found = {}
        order = []
        buffer = bytearray()
        for number in range(count):
            found[number] = number
            order.append(number)
            buffer += b"x" * 8

    small, large = (work_of(lambda count=count: collect(count)).copied for count in (4_096, 32_768))
    assert large < 9 * small


@pytest.mark.parametrize("most", range(90, 110))
def test_a_count_stops_a_loop_and_nothing_after_it(most: int) -> None:
    def loop() -> None:
        while True:
            pass

    assert work_of(loop, most).lines == most
    # One that ends near the limit, inside it or not:
    assert work_of(lambda: sum(number for number in range(100)), most).lines <= most
    assert sum(number for number in range(1_000)) == 499_500


def test_a_long_count_says_that_it_goes_on() -> None:
    told = []

    def loop() -> None:
        for _ in range(50_000):
            pass

    work_of(loop, progress=lambda: told.append(1))
    assert len(told) == 100_000 // (16 * KIB)  # two lines each


def test_an_exception_is_passed_on_and_everything_is_put_back() -> None:
    def tracer(frame: object, event: str, argument: object) -> None:
        return None

    previous = sys.gettrace()
    sys.settrace(tracer)
    try:
        for measure in (work_of, seconds_of, peak_of):
            with pytest.raises(ZeroDivisionError):
                measure(lambda: 1 // 0)
            assert gc.isenabled()
            assert sys.gettrace() is tracer
    finally:
        sys.settrace(previous)


def test_what_another_thread_does_is_not_work_of_the_action() -> None:
    ended = threading.Event()

    def other() -> None:
        while not ended.is_set():
            sum(range(100))

    def action() -> None:
        for _ in range(20_000):
            pass

    alone = work_of(action).lines
    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert work_of(action).lines == alone
    finally:
        ended.set()
        thread.join()
