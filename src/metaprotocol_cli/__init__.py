"""The command `metaprotocol`."""

from metaprotocol_cli.main import main

__all__ = ["main"]
