"""`metaprotocol mesh schema`: the JSON schema of the configuration."""

from __future__ import annotations

import json

import click

from metaprotocol_mesh.schema import schema


@click.command("schema")
def command() -> None:
    """Print a JSON schema of the configuration, for editors.

    \b
    Examples:
      metaprotocol mesh schema > mesh.schema.json
    """
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
