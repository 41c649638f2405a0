"""`metaprotocol mesh`: the configuration of a mesh, rendered, checked and explained."""

from __future__ import annotations

import importlib
from typing import ClassVar

import click


class MeshCommands(click.Group):
    """Subcommands by name, each in a module of its own."""

    modules: ClassVar[dict[str, str]] = {
        "check": "metaprotocol_cli.mesh.check",
        "explain": "metaprotocol_cli.mesh.explain",
        "render": "metaprotocol_cli.mesh.render",
        "schema": "metaprotocol_cli.mesh.schema",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the subcommands."""
        return sorted(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand."""
        module = self.modules.get(cmd_name)
        if module is None:
            return None
        try:
            command: click.Command = importlib.import_module(module).command
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in {"metaprotocol_envoy", "yaml"}:
                raise
            raise click.UsageError(f"`metaprotocol mesh` needs {error.name}: install metaprotocol-sdk[mesh]") from error
        return command


@click.group("mesh", cls=MeshCommands)
def command() -> None:
    """Route the calls of a protocol with Envoy, by Istio's own configuration.

    FILES are YAML files, folders of them, or - for standard input.

    \b
    Examples:
      metaprotocol mesh check mesh.yaml
      metaprotocol mesh explain mesh.yaml --property user=jason
      metaprotocol mesh render mesh.yaml --output envoy
    """
