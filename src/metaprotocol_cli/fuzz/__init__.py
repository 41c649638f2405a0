"""`metaprotocol fuzz`: looks for bytes that break a codec."""

from metaprotocol_cli.fuzz.command import command

__all__ = ["command"]
