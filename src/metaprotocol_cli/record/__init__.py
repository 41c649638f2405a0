"""`metaprotocol record`: a relay that saves the bytes, and with a codec reads, changes and answers messages."""

from metaprotocol_cli.record.command import command

__all__ = ["command"]
