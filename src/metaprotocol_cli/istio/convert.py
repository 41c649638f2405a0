"""`metaprotocol istio convert`: from Aeraki Mesh to Istio."""

from __future__ import annotations

import click

from metaprotocol_cli.mesh.common import show_problem, shown_problems
from metaprotocol_mesh.istio.convert import convert
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load


@click.command("convert")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--revision", default="1", show_default=True, metavar="NAME", help="As of `istio render`.")
def command(files: tuple[str, ...], revision: str) -> None:
    """Print the objects of Istio that stand for MetaRouters and ApplicationProtocols of Aeraki Mesh.

    A MetaRouter becomes a VirtualService of the same name. Its limits become an EnvoyFilter for the pods of the
    Service, which must be in FILES. What has no equivalent is told on standard error.

    The exit status is 0, 1 if the configuration is wrong, and 2 if the command line is.

    \b
    Examples:
      metaprotocol istio convert metarouters.yaml services.yaml
      kubectl get metarouters,applicationprotocols,services -A -o yaml | metaprotocol istio convert -
    """
    with shown_problems():
        found = convert(load(files), revision)
    click.echo(as_yaml(*found.objects), nl=False)
    for note in found.notes:
        show_problem(note)
