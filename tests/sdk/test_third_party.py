"""A codec in somebody else's distribution, built and installed as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
dependencies = ["metaprotocol-sdk"]

[project.entry-points."metaprotocol.codecs"]
acme = "{module}:AcmeCodec"
"""

MODULE = """
from metaprotocol_sdk import Codec, LengthField, MessageType, Metadata


class AcmeCodec(Codec):
    name = "acme"
    framing = LengthField(offset=0, length=2)

    def decode(self, message, direction):
        return Metadata(message, MessageType.REQUEST, operation=message[2:].decode())
"""


def install(folder: Path, target: Path, distribution: str, version: str, module: str) -> None:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        PROJECT.format(distribution=distribution, version=version, module=module), encoding="utf-8"
    )
    (folder / f"{module}.py").write_text(MODULE, encoding="utf-8")
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.hatch.build.targets.wheel]\ninclude = ["{module}.py"]\n')
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(target), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def run(path: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("acme")
    install(folder / "project", folder / "site", "acme-rpc", "1.2.3", "acme_rpc")
    return folder / "site"


def test_its_codec_is_listed_with_its_distribution(installed: Path) -> None:
    result = run(
        installed,
        """
        import json, sys
        from metaprotocol_sdk import available_codecs
        [info] = [info for info in available_codecs() if info.name == "acme"]
        print(json.dumps([info.target, info.distribution, info.version, "acme_rpc" in sys.modules]))
        """,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["acme_rpc:AcmeCodec", "acme-rpc", "1.2.3", False]


def test_its_codec_is_loaded_by_name_and_decodes(installed: Path) -> None:
    result = run(
        installed,
        r"""
        from metaprotocol_sdk import Direction, MessageDecoder, load_codec
        decoder = MessageDecoder(load_codec("acme"), Direction.TO_SERVER)
        print([metadata.operation for metadata in decoder.feed(b"\x00\x02hi\x00\x05there")])
        """,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "['hi', 'there']\n"


def test_a_second_distribution_with_the_same_name_is_a_conflict_that_names_both(
    installed: Path, tmp_path: Path
) -> None:
    install(tmp_path / "project", tmp_path / "site", "rival-rpc", "0.9", "rival_rpc")
    result = run(
        Path(f"{installed}{os.pathsep}{tmp_path / 'site'}"),
        """
        from metaprotocol_sdk import CodecConflict, load_codec
        load_codec("awesomerpc")
        try:
            load_codec("acme")
        except CodecConflict as error:
            print(error)
        """,
    )
    assert result.returncode == 0, result.stderr
    assert "acme-rpc 1.2.3 (acme_rpc:AcmeCodec) and rival-rpc 0.9 (rival_rpc:AcmeCodec)" in result.stdout


def test_without_it_there_is_no_such_codec(tmp_path: Path) -> None:
    result = run(tmp_path, "import metaprotocol_sdk; metaprotocol_sdk.load_codec('acme')")
    assert result.returncode == 1
    assert "CodecNotFound: there is no codec named 'acme'" in result.stderr
