"""A user makes a project with the wheel, installs it in a clean environment, checks it and ships it."""

import os
import shlex
import subprocess
import venv
from pathlib import Path

import pytest
from projects import AWKWARD
from required import require

pytestmark = pytest.mark.packaging

CASES = {"acme-rpc": [], **AWKWARD}

Run = subprocess.CompletedProcess[str]


def run(folder: Path, commands: Path, line: str) -> Run:
    """Run a line of a shell in which the commands of an environment are found."""
    path = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def environment(folder: Path, *what: str) -> Path:
    """Return the commands of a clean environment, with what is installed in it."""
    venv.create(folder, with_pip=True)
    commands = folder / "bin"
    result = run(folder, commands, f"python -m pip install --quiet --disable-pip-version-check {shlex.join(what)}")
    if result.returncode != 0:
        require("index", f"pip cannot install {what}: {result.stderr[-300:]}")
    return commands


@pytest.fixture(scope="module")
def developer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment in which projects are made and checked: what `pip install --group lint` brings."""
    return environment(tmp_path_factory.mktemp("developer"), f"{wheel}[testing]", "hatchling", "mypy", "ruff")


@pytest.fixture(scope="module")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment in which finished codecs are used."""
    return environment(tmp_path_factory.mktemp("user"), str(wheel))


def steps_of_ci(project: Path) -> list[str]:
    """Return what the project's workflow runs when everything is installed."""
    workflow = (project / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    _, steps = workflow.split("- run: pip install --editable . --group lint\n")
    return [line.strip().removeprefix("- run: ") for line in steps.splitlines()]


@pytest.mark.parametrize("name", CASES, ids=lambda name: name[:10])
def test_a_project_is_made_installed_checked_and_shipped(
    name: str, developer: Path, user: Path, tmp_path: Path
) -> None:
    def good(commands: Path, line: str) -> str:
        result = run(project, commands, line)
        assert result.returncode == 0, f"{line}:\n{result.stdout}{result.stderr}"
        return result.stdout

    project = tmp_path
    made = good(developer, shlex.join(["metaprotocol", "new", name, "--defaults", *CASES[name]]))
    (project,) = tmp_path.iterdir()
    assert f"cd {project.name}" in made
    good(developer, "python -m pip install --quiet --no-build-isolation .")
    steps = steps_of_ci(project)
    for step in steps:
        good(developer, step.replace("--time 60", "--time 3"))
    good(developer, "hatchling build -t wheel")

    check = made.splitlines()[-1].strip()
    assert check in (project / "README.md").read_text("utf-8")
    assert check in steps

    good(user, "python -m pip install --quiet dist/*.whl")
    listed = good(user, "metaprotocol codecs")
    assert any(line.split()[:3] == [name, "0.1.0", project.name] for line in listed.splitlines()), listed
    good(user, f"python -m pip uninstall --yes {project.name}")
