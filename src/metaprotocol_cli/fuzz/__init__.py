"""`metaprotocol fuzz`: looks for bytes that a codec cannot stand."""

from metaprotocol_cli.fuzz.command import command

__all__ = ["command"]
