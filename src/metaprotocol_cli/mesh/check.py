"""`metaprotocol mesh check`: what is wrong with a configuration, and what Envoy says of it."""

from __future__ import annotations

import json

import click

from metaprotocol_cli.mesh.common import configuration_options, mesh_of, problem_json, show_problem, shown_problems
from metaprotocol_cli.terminal import color_option
from metaprotocol_mesh.check import envoy, validate, warnings
from metaprotocol_mesh.render import render
from metaprotocol_mesh.render.engine import Engine


@click.command("check")
@configuration_options
@click.option(
    "--envoy/--no-envoy", "ask_envoy", default=True, help="Let the installed Envoy read the result, too. The default."
)
@click.option("--strict", is_flag=True, help="Let the exit status be 1 for warnings, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    namespace: str,
    labels: str | None,
    ask_envoy: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Check the configuration of a mesh.

    Every problem has its file, line, column and keys. Where Envoy is installed, it reads the rendered
    configuration, and loads the codecs.

    The exit status is 0 if the configuration can be used, 1 if it cannot, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol mesh check mesh.yaml
      metaprotocol mesh check --strict --json mesh
    """
    with shown_problems(as_json=as_json):
        mesh = mesh_of(files, namespace, labels)
        program = envoy() if ask_envoy else None
        if program is None:
            render(mesh, Engine.absent())
        else:
            validate(mesh, Engine.installed(), program)
    found = warnings(mesh)
    summary = {
        "listeners": len(mesh.listeners),
        "routes": sum(len(host.rules) for listener in mesh.listeners for host in listener.hosts),
        "clusters": len(mesh.clusters),
    }
    if as_json:
        problems = [problem_json(one) for one in found]
        rules = {one.name: mesh.incomplete(one) for one in mesh.listeners}
        click.echo(
            json.dumps(
                {"ok": True, **summary, "incomplete": rules, "envoy": program is not None, "problems": problems},
                indent=2,
            )
        )
    else:
        for problem in found:
            show_problem(problem)
        who = ", and Envoy takes them" if program is not None else "; Envoy was not asked" if ask_envoy else ""
        counts = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in summary.items())
        click.echo(f"{counts}{who}")
        for one in mesh.listeners:
            words = {"refuse": "are refused", "pass": "pass"}.get(mesh.incomplete(one), mesh.incomplete(one))
            click.echo(
                f"{one.address}:{one.port} {one.codec}, {one.direction}: messages with missing properties {words}"
            )
    ctx.exit(1 if strict and found else 0)
