"""The page on operations: its unit of systemd and its container file, as far as they can be held without either."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaprotocol_cli.mesh.run import command as mesh_run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/mesh/operations.md").read_text(encoding="utf-8")


def block(language: str, first: str) -> str:
    """Return the block of the page in a language, which begins with a line."""
    found = re.findall(rf"```{language}\n({re.escape(first)}\n.*?)```", PAGE, re.DOTALL)
    assert len(found) == 1, (language, first)
    return found[0]


UNIT = block("ini", "# /etc/systemd/system/metaprotocol-mesh.service")
CONTAINER = block("text", "# Containerfile")


def setting(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    return value


def instruction(name: str) -> str:
    (value,) = re.findall(rf"^{name} (.*)$", CONTAINER, re.MULTILINE)
    return value


@pytest.mark.parametrize(
    "command",
    [shlex.split(setting("ExecStart")), json.loads(instruction("ENTRYPOINT"))],
    ids=["systemd", "container"],
)
def test_what_is_started_is_a_command_with_its_options(command: list[str], tmp_path: Path) -> None:
    program, group, name, *arguments = command
    assert (Path(program).name, group, name) == ("metaprotocol", "mesh", "run")
    arguments = [str(tmp_path) if one == "/etc/mesh" else one for one in arguments]
    assert mesh_run.make_context(name, arguments).params["as_json"]


def test_envoy_is_not_told_to_end_before_its_requests_are_answered() -> None:
    """Envoy ends at once on SIGTERM, which systemd sends to all processes unless it is told otherwise."""
    assert setting("KillMode") == "mixed"


def test_the_admin_socket_is_in_a_folder_of_the_user_alone() -> None:
    assert setting("RuntimeDirectoryMode") == "0700"
    assert setting("Environment") == f"XDG_RUNTIME_DIR=/run/{setting('RuntimeDirectory')}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "metaprotocol-mesh.service"
    unit.write_text(UNIT.replace("/opt/mesh/bin/metaprotocol", sys.executable), encoding="utf-8")
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (checked.stderr, checked.returncode) == ("", 0)


def test_the_container_runs_as_a_user_who_cannot_change_what_it_reads() -> None:
    user = instruction("USER")
    assert f"useradd --system {user}" in instruction("RUN")
    assert instruction("COPY --chown=root:root") == "mesh/ /etc/mesh/"
