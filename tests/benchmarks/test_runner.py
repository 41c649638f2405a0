"""Lanes take turns, on fresh inputs each round, and only right answers are timed."""

import pytest

from benchmarks.model import OURS, Lane, Result, Target, Task, Times, WrongAnswerError
from benchmarks.runner import Plan, measure

PLAN = Plan(rounds=3, seconds=0, inputs=4)


def lane(subject="small", contender=OURS, run=abs, check=lambda item, answer: None, units=lambda item: 1):
    return Lane(subject, contender, lambda number: [number * 10 + i for i in range(9)], run, check, units)


def test_every_round_has_inputs_of_its_own_and_all_lanes_get_the_same():
    seen = {"one": [], "other": []}
    lanes = [lane(contender=name, run=inputs.append) for name, inputs in seen.items()]
    measure(Task("toy", "append", "message", lanes), PLAN)
    # One look at the first batch for the check, then a cold and a warm pass over each of the others.
    expected = [0, *(number * 10 + i for number in (1, 2, 3) for _ in "cw" for i in range(4))]
    assert seen == {"one": expected, "other": expected}


def test_times_are_counted_for_units():
    once = measure(Task("toy", "abs", "byte", [lane(units=lambda item: 10**9)]), PLAN).times["small", OURS]
    assert len(once.cold) == len(once.warm) == 3
    assert max(once.cold + once.warm) < 1e-6


def wrong(item, answer):
    raise WrongAnswerError("adds instead")


def broken(item):
    raise KeyError(item)


@pytest.mark.parametrize(
    ("bad", "why"),
    [(lane(contender="peer", check=wrong), "adds instead"), (lane(contender="peer", run=broken), "raises KeyError: 0")],
)
def test_a_wrong_answer_is_not_timed(bad, why):
    result = measure(Task("toy", "abs", "message", [lane(), bad]), PLAN)
    assert list(result.times) == [("small", OURS)]
    assert result.cannot == {("small", "peer"): why}


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds():
    times = {("small", OURS): Times(warm=[1, 1, 10]), ("small", "peer"): Times(warm=[3, 2, 50])}
    result = Result(Task("toy", "abs", "message", []), times, {})
    assert result.ratio(("small", "peer"), ("small", OURS)) == 3
    assert result.ratio(("large", "peer"), ("small", OURS)) is None


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("", "abs", ("", ""), ("", ""), least=2), {1.9: False, 2: True}),
        (Target("", "abs", ("", ""), ("", ""), most=2), {2: True, 2.1: False}),
    ],
)
def test_a_target_is_a_bound_on_one_side(target, met):
    assert {ratio: target.is_met(ratio) for ratio in met} == met
