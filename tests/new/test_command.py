"""`metaprotocol new` makes a whole project, or nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from projects import imported, make, new

from metaprotocol_cli.main import main
from metaprotocol_cli.new import render
from metaprotocol_sdk import Direction


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_project_has_all_that_a_codec_needs(default_project: Path) -> None:
    assert files(default_project) == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "docs/protocol.md",
        "fuzz/README.md",
        "fuzz/crashes/.gitkeep",
        "pyproject.toml",
        "src/acme_rpc_codec/__init__.py",
        "src/acme_rpc_codec/codec.py",
        "src/acme_rpc_codec/headers.py",
        "src/acme_rpc_codec/py.typed",
        "tests/test_codec.py",
        "tests/test_conformance.py",
        "tests/vectors/README.md",
    }


def test_nothing_of_the_template_is_left_in_the_files(default_project: Path) -> None:
    for name in files(default_project):
        text = (default_project / name).read_text("utf-8")
        assert "cookiecutter" not in text
        assert "{%" not in text
        assert text == "" or text.endswith("\n")
        assert not text.endswith("\n\n")


def test_a_protocol_without_a_header_block_has_no_module_for_one(tmp_path: Path) -> None:
    project = make(tmp_path, "acme", "--headers", "none")
    assert not (project / "src" / "acme_codec" / "headers.py").exists()


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    result = new("acme", "--defaults", "--output-dir", str(tmp_path))
    assert result.output.splitlines() == [
        f"{tmp_path}/acme-codec is made, with 16 files. Its README.md says how to go on:",
        f"  cd {tmp_path}/acme-codec",
        "  python -m venv .venv && . .venv/bin/activate",
        "  pip install --upgrade pip",
        "  pip install --editable . --group test",
        "  pytest",
        "  metaprotocol check acme --strict",
    ]


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "acme-codec"
    match kind:
        case "folder":
            target.mkdir()
        case "file":
            target.write_text("precious", "utf-8")
        case _:
            target.symlink_to(tmp_path / "nowhere")
    before = list(tmp_path.iterdir())
    result = new("acme", "--defaults", "--output-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "exists already, and nothing is overwritten" in result.output
    assert list(tmp_path.iterdir()) == before


def test_a_second_run_refuses_to_touch_the_first_ones_project(tmp_path: Path) -> None:
    codec = make(tmp_path, "acme") / "src" / "acme_codec" / "codec.py"
    codec.write_text("edited", "utf-8")
    assert new("acme", "--defaults", "--output-dir", str(tmp_path)).exit_code == 2
    assert codec.read_text("utf-8") == "edited"


def test_a_run_that_fails_while_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes = Path.write_bytes

    def fail_on_the_codec(path: Path, content: bytes) -> int:
        if path.name == "codec.py":
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail_on_the_codec)
    result = new("acme", "--defaults", "--output-dir", str(tmp_path))
    assert result.exit_code == 2
    assert "acme-codec cannot be written: No space left on device" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(render.shutil, "move", interrupt)
    assert new("acme", "--defaults", "--output-dir", str(tmp_path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["missing", "file"])
def test_the_folder_to_put_it_in_must_be_one(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    result = new("acme", "--defaults", "--output-dir", str(tmp_path / where))
    assert result.exit_code == 2
    assert not (tmp_path / "missing").exists()


def test_without_a_network_and_away_from_the_checkout_it_works_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default_project: Path
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["new", "acme-rpc", "--defaults"]).exit_code == 0
    assert files(tmp_path / "acme-rpc-codec") == files(default_project)


def test_the_codec_speaks_the_header_that_was_described(tmp_path: Path) -> None:
    fields = ("--field", "kind:1", "--field", "id:8", "--field", "body_length:2", "--types", "request=7,response=8")
    project = make(tmp_path, "acme", "--byte-order", "little", "--magic", "ff", *fields)
    with imported(project) as package:
        message = bytes.fromhex("ff 07 0102000000000000 0300") + b"abc"
        request = package.AcmeCodec().decode(message, Direction.TO_SERVER)
    assert (request.message_type, request.request_id, request.body_size) == ("request", 0x201, 3)
