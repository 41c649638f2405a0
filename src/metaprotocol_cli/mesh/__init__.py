"""`metaprotocol mesh`: the configuration of a mesh, rendered, checked, explained and run."""

from __future__ import annotations

from typing import ClassVar

import click

from metaprotocol_cli.lazy import LazyGroup


class MeshCommands(LazyGroup):
    """The subcommands of `metaprotocol mesh`, which need more packages."""

    modules: ClassVar[dict[str, str]] = {
        "capture": "metaprotocol_cli.mesh.capture",
        "check": "metaprotocol_cli.mesh.check",
        "demo": "metaprotocol_cli.mesh.demo",
        "explain": "metaprotocol_cli.mesh.explain",
        "render": "metaprotocol_cli.mesh.render",
        "run": "metaprotocol_cli.mesh.run",
        "schema": "metaprotocol_cli.mesh.schema",
        "status": "metaprotocol_cli.mesh.status",
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand; say which package is missing."""
        try:
            return super().get_command(ctx, cmd_name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in {"metaprotocol_envoy", "watchfiles", "yaml"}:
                raise
            text = f"`metaprotocol {self.name}` needs {error.name}: install metaprotocol-sdk[mesh]"
            raise click.UsageError(text) from error


@click.group("mesh", cls=MeshCommands)
def command() -> None:
    """Route the calls of a protocol with Envoy, by Istio's own configuration.

    FILES are YAML files, folders of them, or - for standard input.

    \b
    Examples:
      metaprotocol mesh check mesh.yaml
      metaprotocol mesh explain mesh.yaml --property user=jason
      metaprotocol mesh render mesh.yaml --output envoy
      metaprotocol mesh run mesh.yaml
      metaprotocol mesh status
      metaprotocol mesh capture calls.jsonl
    """
