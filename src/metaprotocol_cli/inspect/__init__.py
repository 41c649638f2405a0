"""`metaprotocol inspect`: what each message of a stream is, and which bytes are which field."""

from metaprotocol_cli.inspect.command import command

__all__ = ["command"]
