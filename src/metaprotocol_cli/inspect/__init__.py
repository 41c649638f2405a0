"""`metaprotocol inspect`: shows the messages of a stream, and the fields of each."""

from metaprotocol_cli.inspect.command import command

__all__ = ["command"]
