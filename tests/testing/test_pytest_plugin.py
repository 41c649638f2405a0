"""`pytest --metaprotocol-codec NAME`: a codec is checked without any test file."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'support'}"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", *arguments, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd=folder)


def test_there_is_an_item_for_each_property(tmp_path: Path) -> None:
    result = run(
        tmp_path, "--metaprotocol-codec", "awesomerpc", "--metaprotocol-effort", "quick", "-v", "-k", "REPLY or STREAM"
    )
    assert result.returncode == 0, result.stdout
    assert "metaprotocol: codec awesomerpc, kit 0." in result.stdout
    assert "metaprotocol-codec::awesomerpc::MP-STREAM-001 PASSED" in result.stdout
    assert "metaprotocol-codec::awesomerpc::MP-REPLY-008 SKIPPED" in result.stdout


def test_a_failure_shows_what_the_kit_has_to_say_and_no_frames(tmp_path: Path) -> None:
    codec = "mutants.changes:DropsTheMutation"
    result = run(tmp_path, "--metaprotocol-codec", codec, "--metaprotocol-effort", "quick", "-k", "MP-MUTATION-00")
    assert result.returncode == 1
    assert "MP-MUTATION-001 A key names a property" in result.stdout
    assert "a regression test to paste:" in result.stdout
    assert "_runner.py" not in result.stdout
    assert " 1 failed" in result.stdout


def test_the_configuration_names_codecs_and_deviations(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\n"
        "metaprotocol_codecs = mutants.changes:DropsTheMutation\n"
        "metaprotocol_deviations = mutants.changes:DropsTheMutation MP-MUTATION-001 not yet written\n",
        "utf-8",
    )
    result = run(tmp_path, "--metaprotocol-effort", "quick", "-k", "MP-MUTATION-001", "-rs")
    assert result.returncode == 0, result.stdout
    assert "deviates: not yet written (the key" in result.stdout


def test_recommended_properties_fail_where_they_are_asked_for(tmp_path: Path) -> None:
    codec = "mutants.replies:GivesEveryReasonTheSameNumber"
    arguments = ["--metaprotocol-codec", codec, "-k", "MP-REPLY-007", "--metaprotocol-effort", "quick"]
    assert run(tmp_path, *arguments).returncode == 0
    assert run(tmp_path, *arguments, "--metaprotocol-strict").returncode == 1


def test_a_codec_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    result = run(tmp_path, "--metaprotocol-codec", "nosuch")
    assert result.returncode == 4
    assert "ERROR: --metaprotocol-codec nosuch: there is no codec named 'nosuch'" in result.stderr


def test_the_plugin_imports_nothing_of_ours_until_it_is_used(tmp_path: Path) -> None:
    """Else what measures coverage begins to look after our modules were imported."""
    (tmp_path / "test_modules.py").write_text(
        "import sys\n"
        "def test_modules():\n"
        "    assert '_metaprotocol_pytest' in sys.modules\n"
        "    assert [name for name in sys.modules if name.startswith('metaprotocol')] == []\n",
        "utf-8",
    )
    result = run(tmp_path)
    assert result.returncode == 0, result.stdout
