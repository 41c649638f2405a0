"""`metaprotocol istio`: what a cluster with Istio needs to route a codec's protocol."""

from __future__ import annotations

from typing import ClassVar

import click

from metaprotocol_cli.mesh import MeshCommands


class IstioCommands(MeshCommands):
    """The subcommands of `metaprotocol istio`, which need the packages of the mesh."""

    modules: ClassVar[dict[str, str]] = {
        "check": "metaprotocol_cli.istio.check",
        "convert": "metaprotocol_cli.istio.convert",
        "render": "metaprotocol_cli.istio.render",
    }


@click.group("istio", cls=IstioCommands)
def command() -> None:
    """Route the calls of a protocol with an Istio that you have.

    FILES are YAML files, folders of them, or - for standard input.

    \b
    Examples:
      metaprotocol istio render services.yaml | kubectl apply -f -
      metaprotocol istio check services.yaml
    """
