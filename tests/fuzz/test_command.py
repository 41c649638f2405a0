"""`metaprotocol fuzz`: what it prints and saves, and its exit status."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from metaprotocol_cli import main

BROKEN = "toys.planted:LeaksAnIndexError"
SOUND = "toys.planted:Sound"
BRIEF = ["--engine", "python", "--runs", "1000", "--seed", "2"]
needs_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")


def fuzz(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["fuzz", *map(str, arguments)])


def test_nothing_found_gives_status_0_and_leaves_no_folder(tmp_path: Path) -> None:
    result = fuzz(SOUND, *BRIEF, "--crashes", tmp_path / "crashes")
    assert result.exit_code == 0, result.output
    assert "0 findings in 1,000 executions" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_finding_gives_status_1_and_is_explained_and_saved(tmp_path: Path) -> None:
    result = fuzz(BROKEN, *BRIEF, "--crashes", tmp_path)
    assert result.exit_code == 1
    (saved,) = tmp_path.iterdir()
    assert saved.read_bytes() == b"P\0\1P"
    assert f"saved in {saved}" in result.stdout
    assert "  000000  50 00 01 50" in result.stdout
    assert 'replay("MP-HOSTILE-001", LeaksAnIndexError, Case(bytes.fromhex("50000150"))' in result.stdout
    assert "1 finding in 1,000 executions" in result.stdout


def test_a_saved_input_is_replayed_alone_or_with_its_folder(tmp_path: Path) -> None:
    saved = tmp_path / "saved.bin"
    saved.write_bytes(b"P\0\1P")
    for target in (saved, tmp_path):
        found = fuzz(BROKEN, "--replay", target)
        assert found.exit_code == 1
        assert "1 finding in 1 file\n" in found.stdout
        assert fuzz(SOUND, "--replay", target).exit_code == 0


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    result = fuzz(BROKEN, *BRIEF, "--json", "--crashes", tmp_path)
    report = json.loads(result.stdout)
    assert (report["codec"], report["engine"], report["seed"], report["executions"]) == (BROKEN, "python", 2, 1_000)
    (finding,) = report["findings"]
    assert (finding["id"], finding["size"], finding["direction"]) == ("MP-HOSTILE-001", 4, "to_server")
    assert Path(finding["file"]).read_bytes() == b"P\0\1P"


def test_a_corpus_is_begun_with_and_grows(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mine").write_bytes(b"P\0\1P")
    result = fuzz(BROKEN, "--engine", "python", "--runs", "600", "--corpus", corpus, "--crashes", tmp_path / "found")
    assert result.exit_code == 1
    assert len(list(corpus.iterdir())) > 1


def test_recorded_streams_give_the_messages_of_a_codec_without_examples(tmp_path: Path) -> None:
    codec = "toys.planted:RefusesEverything"
    assert fuzz(codec, *BRIEF).exit_code == 2
    (tmp_path / "one.c2s.bin").write_bytes(b"P\0\5hello")
    result = fuzz(codec, "--engine", "python", "--runs", "600", "--vectors", tmp_path)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "there is no codec named 'nonsense'"),
        ([SOUND, "--replay"], "say which FILES to replay"),
        ([SOUND, __file__], "FILES are for --replay"),
        ([SOUND, "--runs", "0"], "0 is not in the range"),
        ([SOUND, "--replay", "no-such-file"], "does not exist"),
        ([SOUND, "--vectors", "no-such-*"], "there are no recorded streams no-such-*"),
    ],
)
def test_a_mistake_gives_status_2_and_a_sentence(arguments: list[str], sentence: str) -> None:
    result = fuzz(*arguments)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())


@needs_atheris
def test_atheris_finds_the_same(tmp_path: Path) -> None:
    result = fuzz(BROKEN, "--engine", "atheris", "--runs", "6000", "--seed", "1", "--json", "--crashes", tmp_path)
    report = json.loads(result.stdout)
    assert [finding["id"] for finding in report["findings"]] == ["MP-HOSTILE-001"], report
    assert (tmp_path / "4642061c61472ec3.bin").read_bytes() == b"P\0\1P"


def test_an_atheris_that_ends_before_its_time_gives_status_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "atheris.py").write_text("raise SystemExit('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    result = fuzz(SOUND, "--engine", "atheris", "--runs", "10", "--crashes", tmp_path / "found")
    assert result.exit_code == 2
    assert "atheris stopped with status 1:\nbroken" in result.stderr


def test_a_time_that_is_not_a_number_is_refused() -> None:
    result = CliRunner().invoke(main, ["fuzz", "awesomerpc", "--time", "nan"])
    assert result.exit_code == 2
    assert "'nan' is not a number of seconds" in result.output
