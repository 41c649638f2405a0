"""The lines of Python and of text that depend on the protocol, which the template only puts into their places."""

from metaprotocol_cli.new.source.values import protocol_values

__all__ = ["protocol_values"]
