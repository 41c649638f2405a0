"""`metaprotocol new`: from what an engineer knows of a protocol's header to a project with a codec."""

from metaprotocol_cli.new.command import command

__all__ = ["command"]
