"""The lines of Python and text that depend on the protocol; the template only inserts them."""

from metaprotocol_cli.new.source.values import protocol_values

__all__ = ["protocol_values"]
