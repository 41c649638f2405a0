"""`metaprotocol istio check`: what will not work in a cluster, though Istio would accept it."""

from __future__ import annotations

import json

import click

from metaprotocol_cli.mesh.common import problem_json, show_problem, shown_problems
from metaprotocol_mesh.istio.check import Others, check
from metaprotocol_mesh.istio.filters import Options
from metaprotocol_mesh.load import load
from metaprotocol_mesh.render.engine import Engine


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--revision", default="1", show_default=True, metavar="NAME", help="As of `istio render`.")
@click.option("--strict", is_flag=True, help="Let the exit status be 1 for warnings, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], revision: str, strict: bool, as_json: bool) -> None:
    """Check the objects of a cluster, from files or as kubectl prints them.

    Besides what `istio render` reads, it looks at Pods, Namespaces and the routes and gateways of the Gateway API.

    The exit status is 0 if the filters can be rendered, 1 if they cannot, and 2 if the command line is wrong.

    \b
    Examples:
      metaprotocol istio check services.yaml
      kubectl get svc,pods,ns,virtualservices,destinationrules,sidecars -A -o yaml | metaprotocol istio check -
    """
    others = Others()
    with shown_problems(as_json=as_json):
        configuration = load(files, other=others.add, unread=others.add_unread)
        found = check(configuration, others, Engine.absent(), Options(revision=revision))
    if as_json:
        click.echo(json.dumps({"ok": True, "problems": [problem_json(one) for one in found]}, indent=2))
    else:
        for problem in found:
            show_problem(problem)
        click.echo(f"{len(found)} {'warning' if len(found) == 1 else 'warnings'}")
    ctx.exit(1 if strict and found else 0)
