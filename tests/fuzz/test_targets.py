"""The targets in fuzz/ run, begin with their invariant, and stop where it does not hold."""

import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

FUZZING = Path(__file__).parents[2] / "fuzz"
TARGETS = sorted(path.name for path in FUZZING.glob("fuzz_*.py"))
PROPERTIES = ["dubbo-mutation", "dubbo-undone", "hessian2-forms", "hessian2-round-trip", "thrift-cuts"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, "--without-atheris", "--crashes", str(folder), "--time", str(PATIENCE)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=PATIENCE)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_begins_with_its_invariant(name: str) -> None:
    assert (FUZZING / name).read_text("utf-8").startswith("# Invariant: ")


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "fuzz_properties.py"])
def test_a_target_runs_without_atheris(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, str(FUZZING / name), "--runs", "200")
    assert done.returncode == 0, done.stderr
    assert "200 executions" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_is_a_target(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, str(FUZZING / "fuzz_properties.py"), name, "--runs", "40")
    assert done.returncode == 0, done.stderr
    assert f"{name}: 40 executions" in done.stdout


def test_an_unknown_property_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    done = run(tmp_path, str(FUZZING / "fuzz_properties.py"), "nonsense")
    assert done.returncode == 1
    assert f"say which property: {', '.join(PROPERTIES)}" in done.stderr


BROKEN = """
import sys
sys.path.insert(0, {fuzzing!r})
from support import Target, main

class Broken(Target):
    name = "broken"

    def seeds(self):
        return [b"hello"]

    def one_input(self, data):
        if b"x" in data:
            {fault}
        return len(data)

main(Broken())
"""


@pytest.mark.parametrize("fault", ["raise ValueError('an x')", "while True: pass"])
def test_a_target_whose_invariant_does_not_hold_saves_the_input(fault: str, tmp_path: Path) -> None:
    script, crashes = tmp_path / "broken.py", tmp_path / "crashes"
    script.write_text(
        BROKEN.format(fuzzing=str(FUZZING), fault=fault).replace(
            "main(B", "import support\nsupport._LONG = 0.2\nmain(B"
        )
    )
    done = run(crashes, str(script), "--runs", "100000")
    assert done.returncode == 1
    (saved,) = crashes.iterdir()
    assert b"x" in saved.read_bytes()
    assert f"the invariant does not hold; the input is saved in {saved}" in done.stderr
