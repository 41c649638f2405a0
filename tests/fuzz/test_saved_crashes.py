"""Every input that fuzzing ever found something with, in `crashes/NAME/`, gives nothing any more."""

import importlib
import sys
from pathlib import Path

import pytest

from metaprotocol_sdk import load_codec_class
from metaprotocol_sdk.testing import Subject
from metaprotocol_sdk.testing.fuzzing import FUZZ, FuzzTarget, watchdog

CRASHES = Path(__file__).parent / "crashes"
FUZZING = Path(__file__).parents[2] / "fuzz"


def saved(name: str) -> list[Path]:
    return sorted((CRASHES / name).glob("*.bin"))


@pytest.mark.parametrize("name", ["awesomerpc", "bolt", "dubbo", "tars", "thrift"])
def test_a_saved_input_of_a_codec_gives_nothing(name: str) -> None:
    subject = Subject(load_codec_class(name), effort=FUZZ)
    with watchdog(FUZZ.cpu_seconds) as limit:
        subject.limit = limit
        found = {path.name: FuzzTarget(subject).thorough(path.read_bytes()) for path in saved(name)}
    assert {path: [finding.text(subject) for finding in findings] for path, findings in found.items() if findings} == {}


def test_a_saved_input_of_hessian2_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FUZZING)
    monkeypatch.setattr(sys, "argv", ["pytest", "--without-atheris"])
    target = importlib.import_module("fuzz_hessian2").Hessian2Target()
    for path in saved("hessian2"):
        target.one_input(path.read_bytes())


def test_every_saved_input_is_in_the_folder_of_a_target() -> None:
    assert {path.name for path in CRASHES.iterdir()} == {"awesomerpc", "bolt", "dubbo", "hessian2", "tars", "thrift"}
    assert {path.suffix for path in CRASHES.glob("*/*") if path.name != ".gitkeep"} <= {".bin"}
