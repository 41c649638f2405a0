"""The distributions hold what users need, nothing else, and work in a clean environment."""

import subprocess
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from required import require

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
PACKAGES = ("metaprotocol_cli", "metaprotocol_codecs", "metaprotocol_mesh", "metaprotocol_proxy", "metaprotocol_sdk")
PYTEST_PLUGIN = "_metaprotocol_pytest.py"
VECTOR = ROOT / "tests" / "vectors" / "dubbo" / "java27-heartbeat.c2s.bin"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a clean environment in which the wheel is installed from the package index."""
    environment = tmp_path_factory.mktemp("venv")
    venv.create(environment, with_pip=True)
    commands = environment / "bin"
    result = run(commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    if result.returncode != 0:
        require("index", f"pip cannot install the wheel's dependencies: {result.stderr[-300:]}")
    return commands


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {PYTEST_PLUGIN, *PACKAGES}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_the_wheel_announces_its_codecs_and_its_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    lines = archive.read(name).decode().splitlines()
    assert "dubbo = metaprotocol_codecs.dubbo:DubboCodec" in lines
    assert "metaprotocol = metaprotocol_cli:main" in lines
    assert "metaprotocol = _metaprotocol_pytest" in lines[lines.index("[pytest11]") :]


def test_the_source_distribution_holds_the_tests_and_the_docs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        parts = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"src", "tests", "docs", "examples", "LICENSE", "README.md", "pyproject.toml"} <= parts


def test_the_installed_command_lists_the_codecs(installed: Path) -> None:
    result = run(installed / "metaprotocol", "codecs")
    assert result.returncode == 0, result.stderr
    assert "metaprotocol_codecs.dubbo:DubboCodec" in result.stdout
    assert "metaprotocol_codecs.awesomerpc:AwesomeRpcCodec" in result.stdout


def test_the_installed_command_inspects_recorded_traffic(installed: Path) -> None:
    result = run(installed / "metaprotocol", "inspect", "--codec", "dubbo", "-v", VECTOR)
    assert result.returncode == 0, result.stderr
    assert "org.corpus.DemoService/echo" in result.stdout
    assert "6 messages" in result.stderr
