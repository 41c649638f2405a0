"""cookiecutter makes the same project of a checkout as `metaprotocol new --defaults` does."""

import subprocess
import sys
from pathlib import Path

import pytest
from projects import new
from template_values import PATH, cookiecutter_json

ROOT = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_cookiecutter(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--directory", "templates/awesomerpc", "--no-input"]
    config = folder / "config.yaml"  # nothing outside this folder is read or written
    config.write_text(f"cookiecutters_dir: {folder}/fetched\nreplay_dir: {folder}/replay\n", "utf-8")
    output = folder / "output"
    output.mkdir()
    command += ["--config-file", str(config), "-o", str(output), *names]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def cookiecutter(folder: Path, *names: str) -> Path:
    result = run_cookiecutter(folder, *names)
    assert result.returncode == 0, result.stderr
    (project,) = (folder / "output").iterdir()
    return project


def test_cookiecutter_makes_the_same_project(default_project: Path, tmp_path: Path) -> None:
    assert contents(cookiecutter(tmp_path)) == contents(default_project)


def test_cookiecutter_takes_other_names(tmp_path: Path) -> None:
    project = cookiecutter(tmp_path, "name=9p-mail", "author=Zoë")
    assert project.name == "9p-mail-codec"
    assert b"class Rpc9PMailCodec(Codec)" in (project / "src" / "codec_9p_mail" / "codec.py").read_bytes()
    assert "Copyright Zoë." in (project / "LICENSE").read_text("utf-8")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("name=Acme_RPC", "the name 'Acme_RPC' is not a DNS label"),
        ("project=acme-", "the project 'acme-' is not a name for a distribution"),
        ("package=class", "the package 'class' is not a name for a Python package"),
        ("package=json", "the package 'json' would hide a module of this name"),
        ('author="Ada"', "the author is one line of 1 to 100 characters, without double quotes"),
    ],
)
def test_it_refuses_the_names_that_the_command_refuses_and_leaves_nothing_behind(
    tmp_path: Path, answer: str, why: str
) -> None:
    result = run_cookiecutter(tmp_path, answer)
    assert result.returncode != 0
    assert why in result.stderr
    assert list((tmp_path / "output").iterdir()) == []
    key, value = answer.split("=")
    options = [value] if key == "name" else ["acme", f"--{key}", value]
    assert new(*options, "--defaults", "--output-dir", str(tmp_path)).exit_code == 2


def test_what_cookiecutter_is_told_is_what_the_default_header_gives() -> None:
    assert PATH.read_text("utf-8") == cookiecutter_json(), "run: python tests/support/template_values.py"
