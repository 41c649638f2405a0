"""`metaprotocol dissector`: writes a Wireshark dissector from the header that a codec declares."""

from metaprotocol_cli.dissector.command import command

__all__ = ["command"]
