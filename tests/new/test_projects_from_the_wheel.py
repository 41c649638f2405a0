"""What a user does with the wheel: makes a project, installs it in a clean environment, checks it and ships it."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest
from projects import AWKWARD
from required import require

ROOT = Path(__file__).parents[2]
CASES = {"acme-rpc": [], **AWKWARD}
# Each takes a minute, so a contributor's run has one that is as awkward as can be; continuous integration has all.
ALWAYS = "little"

Run = subprocess.CompletedProcess[str]


def run(folder: Path, *command: str | Path) -> Run:
    words = [str(part) for part in command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


def install(commands: Path, *what: str | Path) -> Run:
    return run(commands, commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what)


def environment(folder: Path, *what: str | Path) -> Path:
    """Return the commands of a clean environment, with what is installed in it."""
    venv.create(folder, with_pip=True)
    commands = folder / "bin"
    result = install(commands, *what)
    if result.returncode != 0:
        require("index", f"pip cannot install {what}: {result.stderr[-300:]}")
    return commands


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def developer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment in which projects are made and checked: what `pip install --group lint` brings."""
    return environment(tmp_path_factory.mktemp("developer"), f"{wheel}[testing]", "hatchling", "mypy", "ruff")


@pytest.fixture(scope="module")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment in which finished codecs are used."""
    return environment(tmp_path_factory.mktemp("user"), wheel)


def check_options(project: Path) -> Sequence[str]:
    """Return the deviations that the project's README tells to declare."""
    (line,) = (line for line in (project / "README.md").read_text("utf-8").splitlines() if " --strict" in line)
    _, *options = line.split(" --deviation ")
    return [word for option in options for word in ("--deviation", option.strip('"'))]


@pytest.mark.parametrize("name", CASES, ids=lambda name: name[:10])
def test_a_project_is_made_installed_checked_and_shipped(
    name: str, developer: Path, user: Path, tmp_path: Path
) -> None:
    if name != ALWAYS and "index" not in os.environ.get("METAPROTOCOL_REQUIRE", ""):
        pytest.skip("continuous integration runs it (METAPROTOCOL_REQUIRE=index)")

    def good(commands: Path, *command: str) -> Run:
        result = run(project, commands / command[0], *command[1:])
        assert result.returncode == 0, f"{' '.join(command)}:\n{result.stdout}{result.stderr}"
        return result

    project = tmp_path
    made = good(developer, "metaprotocol", "new", name, "--defaults", *CASES[name])
    (project,) = tmp_path.iterdir()
    assert f"cd {project.name}" in made.stdout
    good(developer, "python", "-m", "pip", "install", "--quiet", "--no-build-isolation", ".")
    good(developer, "pytest", "-q")
    good(developer, "metaprotocol", "check", name, "--strict", *check_options(project))
    good(developer, "ruff", "check")
    good(developer, "ruff", "format", "--check")
    good(developer, "mypy")
    good(developer, "hatchling", "build", "-t", "wheel")

    assert install(user, *project.glob("dist/*.whl")).returncode == 0
    listed = good(user, "metaprotocol", "codecs").stdout
    assert any(line.split()[:3] == [name, "0.1.0", project.name] for line in listed.splitlines()), listed
    assert run(project, user / "python", "-m", "pip", "uninstall", "--yes", project.name).returncode == 0
