"""The command `metaprotocol`."""

import sys

try:
    from metaprotocol_cli.main import main
except KeyboardInterrupt:  # click takes Ctrl-C from when a command begins, and says the same
    sys.exit("\nAborted!")

__all__ = ["main"]
