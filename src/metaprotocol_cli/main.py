"""The entry point of the command: each subcommand is imported when it runs."""

from __future__ import annotations

import io
import sys
from typing import Any, ClassVar

import click

from metaprotocol_cli.lazy import LazyGroup
from metaprotocol_cli.terminal import output_errors
from metaprotocol_sdk import CodecNotFound, MetaProtocolError


class Commands(LazyGroup):
    """The subcommands of `metaprotocol`."""

    modules: ClassVar[dict[str, str]] = {
        "check": "metaprotocol_cli.check",
        "codecs": "metaprotocol_cli.codecs",
        "dissector": "metaprotocol_cli.dissector",
        "fuzz": "metaprotocol_cli.fuzz",
        "inspect": "metaprotocol_cli.inspect",
        "istio": "metaprotocol_cli.istio",
        "mesh": "metaprotocol_cli.mesh",
        "new": "metaprotocol_cli.new",
        "record": "metaprotocol_cli.record",
    }

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program; end it with a sentence if its output cannot be written, or at Ctrl-C."""
        try:
            with output_errors():
                return super().main(*args, **extra)
        except KeyboardInterrupt:  # just before or after click takes it
            sys.exit("\nAborted!")

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; show an error that the SDK raises on purpose without a traceback."""
        try:
            return super().invoke(ctx)
        except CodecNotFound as error:
            text = f"{error}; a codec that is not installed is named by its class, as module:Class"
            raise click.UsageError(text, ctx=None) from error
        except MetaProtocolError as error:
            raise click.UsageError(str(error), ctx=None) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="metaprotocol-sdk", prog_name="metaprotocol")
def main() -> None:
    """Codecs for the RPC protocols of a service mesh.

    \b
    Examples:
      metaprotocol new acme-rpc
      metaprotocol codecs
      metaprotocol inspect --codec dubbo capture.bin
      metaprotocol record --listen 20881 --upstream 20880 recorded
      metaprotocol mesh check mesh.yaml
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of any script, on any terminal
