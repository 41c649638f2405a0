"""Runs the command as `python -m metaprotocol_cli`."""

from metaprotocol_cli.main import main

main()
