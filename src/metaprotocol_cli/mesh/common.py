"""Shared by the subcommands: the options of files and proxy, the mesh that runs, and the printing of problems."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from metaprotocol_envoy import LibpythonNotFound, ModuleNotBuilt
from metaprotocol_mesh.load import load
from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.resolve import resolve
from metaprotocol_mesh.running import running_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from metaprotocol_mesh.resolved import Mesh


def configuration_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILES, `--namespace` and `--labels`."""
    return click.argument("files", nargs=-1, required=True, metavar="FILES...")(proxy_options(function))


def proxy_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--namespace` and `--labels`."""
    function = click.option(
        "--labels",
        metavar="NAME=VALUE,...",
        help="The proxy's labels. By default those that the only Sidecar and the Gateways select.",
    )(function)
    return click.option(
        "--namespace", default="", metavar="NAME", help="The proxy's namespace. By default the Sidecar's."
    )(function)


def mesh_of(files: tuple[str, ...], namespace: str, labels: str | None) -> Mesh:
    """Return what the files say of a proxy.

    Raises:
        ConfigurationError: Something in them is wrong.
        click.BadParameter: The labels are not NAME=VALUE.
    """
    return resolve(load(files), namespace, labels_of(labels))


def labels_of(text: str | None) -> dict[str, str] | None:
    """Return the value of `--labels`.

    Raises:
        click.BadParameter: The labels are not NAME=VALUE.
    """
    if text is None:
        return None
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param_hint="--labels")
        found[name] = value
    return found


@contextmanager
def shown_problems(*, as_json: bool = False) -> Iterator[None]:
    """Show what is wrong with the configuration, and end with the exit status 1."""
    try:
        yield
    except ConfigurationError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "problems": [problem_json(one) for one in error.problems]}, indent=2))
        else:
            for problem in error.problems:
                show_problem(problem)
        raise click.exceptions.Exit(1) from error
    except (LibpythonNotFound, ModuleNotBuilt) as error:
        raise click.ClickException(str(error)) from error


def show_problem(problem: Problem) -> None:
    """Print a problem to standard error."""
    click.secho(str(problem), err=True, fg="yellow" if problem.warning else "red")


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem for machines."""
    place = problem.place
    return {
        "severity": "warning" if problem.warning else "error",
        "file": place.source or None,
        "line": place.line or None,
        "column": place.column or None,
        "path": place.path,
        "message": problem.text,
        "hint": problem.hint or None,
    }


def running_folder(name: str | None) -> Path:
    """Return the folder of a running mesh of this user.

    Args:
        name: Its name; None if there is only one.

    Raises:
        click.ClickException: There is none.
        click.UsageError: There are several, and none is named.
    """
    folders = running_folders()
    names = ", ".join(one.name for one in folders)
    if not folders:
        raise click.ClickException("no mesh runs: start one with `metaprotocol mesh run`")
    if name is None:
        if len(folders) > 1:
            raise click.UsageError(f"several meshes run: name one of {names}")
        return folders[0]
    for folder in folders:
        if folder.name == name:
            return folder
    raise click.ClickException(f"no mesh of the name {name!r} runs; there is: {names}")
