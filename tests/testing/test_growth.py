"""A square is told from steps and from n log n, by counts or by time, whatever else runs."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants.costs import ReadsTheBody

from metaprotocol_sdk.testing import Case, Effort, Subject, Verdict, Violation, check, replay
from metaprotocol_sdk.testing import _growth as growth
from metaprotocol_sdk.testing._growth import check_timed, is_superlinear

FEW = Effort("few", examples=5, sweep=400)
SIZES = [1 << exponent for exponent in range(5, 21)]
COSTS = st.floats(1, 1_000)


def windows(cost: Callable[[int], float]) -> list[list[float]]:
    """Return what the first sizes cost, of each number of sizes."""
    costs = [cost(size) for size in SIZES]
    return [costs[:end] for end in range(len(costs) + 1)]


@given(COSTS, st.floats(0.01, 100))
def test_a_square_is_superlinear_when_it_outweighs_what_is_linear(linear: float, part: float) -> None:
    square = part * linear / SIZES[-4]
    found = windows(lambda size: linear * size + square * size**2)
    assert is_superlinear(found[-1]) == (part >= 1) or 0.5 < part < 1


@given(st.floats(0, SIZES[-1]), st.floats(0, 100), COSTS, st.floats(0, 10_000))
def test_a_step_is_not(place: float, before: float, after: float, jump: float) -> None:
    """A fast path that ends at some size, or an expense that begins there."""

    def cost(size: int) -> float:
        return before * min(size, place) + after * max(size - place, 0) + (jump if size > place else 0)

    assert not any(map(is_superlinear, windows(cost)))


@given(COSTS, COSTS)
def test_n_log_n_is_not(linear: float, constant: float) -> None:
    assert not any(map(is_superlinear, windows(lambda size: constant + linear * size * math.log2(size))))


class LoadedMachine:
    """Time on a machine where others run: a thread is slowed down for a while, and pays for what interrupts it."""

    def __init__(self, seed: int, slowness: list[float]) -> None:
        self.random = Random(seed)
        self.slowness = slowness
        self.left, self.now = 0.0, 1.0

    def seconds_of(self, action: Callable[[], float]) -> float:
        work, taken = action(), 0.0
        while work > 0:
            if self.left <= 0:
                self.left = self.random.expovariate(1 / 0.02)
                self.now = self.random.choice(self.slowness)
                taken += self.random.choice([0, 0, 0.001, 0.004])
            step = min(work, self.left)
            work, self.left = work - step, self.left - step
            taken += step * self.now
        return taken


def is_called_a_square(cost: Callable[[int], float], machine: LoadedMachine, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(growth, "seconds_of", machine.seconds_of)
    try:
        check_timed(Subject(ReadsTheBody), "reading", lambda size: lambda: cost(size), 1 << 20)
    except Violation:
        return True
    return False


BUSY, OVERRUN = [1, 1, 1.2, 1.5], [1, 1, 2, 4, 10]


def test_no_load_makes_linear_work_look_like_a_square(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(300):
        assert not is_called_a_square(lambda size: 1e-6 * size, LoadedMachine(seed, OVERRUN), monkeypatch)


def test_nor_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(300):
        machine = LoadedMachine(seed, BUSY)
        place = Random(seed).randrange(1 << 20)
        assert not is_called_a_square(
            lambda size, place=place: 1e-7 * min(size, place) + 1e-6 * max(size - place, 0), machine, monkeypatch
        )


def test_load_does_not_hide_a_square(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(300):
        machine = LoadedMachine(seed, BUSY)
        assert is_called_a_square(lambda size: 1e-7 * size + 1e-11 * size**2, machine, monkeypatch)


class EndsAFastPath(ReadsTheBody):
    """Looks at every eighth byte, which costs eight times as much from the 1,000th on, and more from the 100,000th."""

    def read(self, body):
        for at in range(0, len(body), 8):
            if at > 1_000:
                for _ in range(8):
                    pass
            if at > 100_000:
                sum(range(400))


class SortsByMerging(ReadsTheBody):
    """n log n, and much is copied."""

    def read(self, body):
        self.sort(body[::8])

    def sort(self, body):
        half = len(body) // 2
        if not half:
            return list(body)
        first, second = self.sort(body[:half]), self.sort(body[half:])
        merged = []
        while first and second:
            merged.append(first.pop() if first[-1] > second[-1] else second.pop())
        return first + second + merged[::-1]


class AppendsToAText(ReadsTheBody):
    """CPython does it in place."""

    def read(self, body):
        text = ""
        for byte in body[::4]:
            text += chr(byte)


class GrowsALargeBuffer(ReadsTheBody):
    def read(self, body):
        buffer = bytearray()
        for at in range(0, len(body), 16):
            buffer += body[at : at + 16]
        while buffer:
            del buffer[:16]


class SearchesFromManyBytes(ReadsTheBody):
    def read(self, body):
        for i in range(0, len(body), 4):
            body[i:].find(b"x")


GOOD = [ReadsTheBody, EndsAFastPath, SortsByMerging, AppendsToAText, GrowsALargeBuffer]
# A part of the body is repeated.
MESSAGE = next(data for _, data in ReadsTheBody().examples() if data.endswith(b"hello"))
REPEATED = Case(MESSAGE, cuts=(len(MESSAGE) - 5, len(MESSAGE)))


@pytest.mark.parametrize("codec", GOOD)
@pytest.mark.parametrize("found_by", ["MP-COST-002", "MP-COST-004"])
def test_a_codec_without_a_square_has_the_property(codec: type[ReadsTheBody], found_by: str) -> None:
    replay(found_by, codec, REPEATED)


@pytest.mark.parametrize("found_by", ["MP-COST-002", "MP-COST-004"])
def test_a_square_does_not(found_by: str) -> None:
    with pytest.raises(Violation, match="grows faster than its input"):
        replay(found_by, SearchesFromManyBytes, REPEATED)


def test_no_later_property_makes_long_messages_of_a_square() -> None:
    only = ["MP-COST-002", "MP-COST-004", "MP-MUTATION-*", "MP-HOSTILE-*"]
    report = check(Subject(SearchesFromManyBytes, effort=FEW), only)
    assert report.failing() == {"MP-COST-002"}
    assert {result.verdict for result in report.results[1:]} == {Verdict.NOT_RUN}


def test_there_are_fewer_long_messages_of_a_square_even_if_all_properties_are_tried() -> None:
    longest: list[int] = []

    class MeasuresTheLongest(SearchesFromManyBytes):
        def decode(self, message, direction):
            longest.append(len(message))
            return super().decode(message, direction)

    subject = Subject(MeasuresTheLongest, effort=FEW)
    check(subject, ["MP-COST-002"], stop=False)
    longest.clear()
    check(subject, ["MP-MUTATION-001"], stop=False)
    assert max(longest) < 1_000
