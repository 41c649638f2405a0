"""The benchmarks run, say what they found, and refuse a wrong answer. How fast anything is, no test says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    """Return what a quick run prints, and what it writes."""
    path = tmp_path_factory.mktemp("benchmarks") / "times.json"
    done = benchmarks("--quick", "--rounds", "1", "--json", str(path))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text("utf-8"))


def test_every_task_has_its_table(quick_run):
    printed, _ = quick_run
    for title in ("decode", "set a new key", "replace a key", "error reply", "cut 64 KB of messages", "byte by byte"):
        assert f"dubbo: {title}" in printed or f"dubbo: cut a message {title}" in printed
    for title in ("decode a trusted frame", "decode a frame", "cut and decode", "cut byte by byte"):
        assert f"thrift: {title}" in printed


def test_the_file_has_our_times_of_every_kind_of_message(quick_run):
    _, written = quick_run
    metadata = [benchmark["metadata"] for benchmark in written["benchmarks"]]
    decoded = {(one["subject"], one["temperature"]) for one in metadata if one["task"] == "decode"}
    subjects = ("small", "medium", "CJK", "120 KB", "1,000 objects")
    assert decoded == {(subject, temperature) for subject in subjects for temperature in ("cold", "warm")}


def test_whoever_cannot_do_a_task_is_named_with_the_reason(quick_run):
    printed, _ = quick_run
    assert "python-hessian (small, medium, CJK, 120 KB, 1,000 objects) writes Hessian 1" in " ".join(printed.split())


def test_our_codec_can_do_every_task(quick_run):
    printed, _ = quick_run
    assert [line for line in printed.splitlines() if "metaprotocol" in line and "cannot" in line] == []


def test_an_earlier_commit_takes_turns_with_todays_code():
    done = benchmarks("--quick", "--rounds", "1", "--case", "error", "--before", "HEAD", "--json", os.devnull)
    assert "at HEAD" in done.stdout, done.stderr


def test_a_commit_that_git_does_not_know_is_refused():
    done = benchmarks("--quick", "--before", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for --before: git cannot read nonsense" in done.stderr


def test_the_tasks_can_be_listed_and_chosen():
    assert benchmarks("--list", "--case", "error").stdout == "dubbo: error reply, small\n"


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_timed():
    done = benchmarks("--quick", "--json", "no/such/folder/times.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for --json: there is no folder no/such/folder" in done.stderr


def test_a_choice_that_matches_nothing_is_a_mistake_not_a_traceback():
    done = benchmarks("--case", "nonsense")
    assert (done.returncode, done.stderr) == (1, "Error: No task has nonsense in its name; --list shows them all.\n")
