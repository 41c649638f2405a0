"""`metaprotocol check`: checks a codec for the properties of the conformance kit."""

from metaprotocol_cli.check.command import command

__all__ = ["command"]
