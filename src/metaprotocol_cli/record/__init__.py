"""`metaprotocol record`: a relay that saves what passes, and with a codec reads, changes and answers it."""

from metaprotocol_cli.record.command import command

__all__ = ["command"]
