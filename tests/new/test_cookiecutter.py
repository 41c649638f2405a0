"""cookiecutter makes the same project of a checkout as `metaprotocol new --defaults` does."""

import subprocess
import sys
from pathlib import Path

from template_values import PATH, cookiecutter_json

ROOT = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cookiecutter(folder: Path, *names: str) -> Path:
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--directory", "templates/awesomerpc", "--no-input"]
    config = folder / "config.yaml"  # nothing outside this folder is read or written
    config.write_text(f"cookiecutters_dir: {folder}/fetched\nreplay_dir: {folder}/replay\n", "utf-8")
    output = folder / "output"
    output.mkdir()
    subprocess.run([*command, "--config-file", config, "-o", output, *names], check=True, capture_output=True)
    (project,) = output.iterdir()
    return project


def test_cookiecutter_makes_the_same_project(default_project: Path, tmp_path: Path) -> None:
    assert contents(cookiecutter(tmp_path)) == contents(default_project)


def test_cookiecutter_takes_other_names(tmp_path: Path) -> None:
    project = cookiecutter(tmp_path, "name=9p-mail", "author=Zoë")
    assert project.name == "9p-mail-codec"
    assert b"class Rpc9PMailCodec(Codec)" in (project / "src" / "codec_9p_mail" / "codec.py").read_bytes()
    assert "Copyright Zoë." in (project / "LICENSE").read_text("utf-8")


def test_what_cookiecutter_is_told_is_what_the_default_header_gives() -> None:
    assert PATH.read_text("utf-8") == cookiecutter_json(), "run: python tests/support/template_values.py"
