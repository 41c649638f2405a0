"""`metaprotocol mesh render`: Envoy's configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from metaprotocol_cli.mesh.common import configuration_options, mesh_of, shown_problems
from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.render import render


@click.command("render")
@configuration_options
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write files that Envoy watches into a folder, instead of one configuration to standard output.",
)
@click.option(
    "--admin", default="", metavar="PATH", help="The unix socket of Envoy's admin, without --output. None by default."
)
def command(files: tuple[str, ...], namespace: str, labels: str | None, output: Path | None, admin: str) -> None:
    """Print Envoy's configuration, as JSON.

    With --output, `envoy -c FOLDER/bootstrap.json` reads listeners, routes, clusters and endpoints from files in
    FOLDER and watches them: run the command again, and Envoy applies what has changed. Its admin is the unix socket
    FOLDER/admin.sock.

    The exit status is 0, 1 if the configuration is wrong, and 2 if the command line is.

    \b
    Examples:
      metaprotocol mesh render mesh.yaml | jq .static_resources.clusters
      metaprotocol mesh render mesh --output /run/user/1000/mesh
    """
    with shown_problems():
        rendered = render(mesh_of(files, namespace, labels))
        if output is None:
            click.echo(json.dumps(rendered.bootstrap(admin), indent=2))
            return
        output = output.absolute()
        try:
            changed = write_files(output, rendered.files(output))
        except OSError as error:
            raise click.ClickException(f"{error.filename or output} cannot be written: {error.strerror}") from error
    for name in changed:
        click.echo(f"{output / name}")
