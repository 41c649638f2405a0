"""`metaprotocol new`: makes a project with a codec from a description of a protocol's header."""

from metaprotocol_cli.new.command import command

__all__ = ["command"]
