"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click

from metaprotocol_cli.inspect.jsonlines import JsonLines
from metaprotocol_cli.inspect.records import read_records
from metaprotocol_cli.inspect.source import progress, read_chunks
from metaprotocol_cli.inspect.text import Text
from metaprotocol_cli.options import codec_from, codec_options
from metaprotocol_cli.terminal import color_option
from metaprotocol_sdk import Direction, ProtocolError

_DIRECTIONS = {"to-server": Direction.TO_SERVER, "to-client": Direction.TO_CLIENT}


@click.command("inspect")
@codec_options
@click.option(
    "--direction",
    type=click.Choice(["auto", *_DIRECTIONS]),
    default="auto",
    show_default=True,
    help="Which way the bytes travel. auto: to-client if the file's name says s2c, else to-server.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "raw", "hex"]),
    default="auto",
    show_default=True,
    help="What the file holds: the stream's bytes, or hex text (plain, xxd, hexdump -C).",
)
@click.option("-v", "--verbose", count=True, help="Show properties and an annotated dump; -vv shortens nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line; with -v spans and bytes too.")
@color_option
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.pass_context
def command(
    ctx: click.Context,
    codec_name: str,
    options: tuple[str, ...],
    direction: str,
    form: str,
    verbose: int,
    as_json: bool,
    file: BinaryIO,
) -> None:
    """Read the messages of a captured stream.

    FILE holds the bytes of one direction of one connection, raw or as hex text; - is standard input.

    The exit status is 0 if every message was read, 1 if one was not or the stream is broken, and 2 if the command
    line is wrong.

    \b
    Examples:
      metaprotocol inspect --codec dubbo stream.c2s.bin
      metaprotocol inspect --codec dubbo -v --direction to-client stream.bin
      echo 4152 0103 0000 0004 0000 0012 0000 0000 0000 | metaprotocol inspect --codec awesomerpc -v -
    """
    codec = codec_from(codec_name, options).for_connection()
    which = _DIRECTIONS.get(direction) or _direction_of(file)
    printer = JsonLines(codec, verbose) if as_json else Text(codec, verbose)
    sound = True
    printer.begin()
    with progress(file) as show, closing(read_chunks(file, form)) as chunks:
        try:
            for record in read_records(chunks, codec, which):
                printer.record(record)
                show(record.offset)
                sound = sound and record.metadata.error is None
        except ProtocolError as error:
            printer.broken(error)
            sound = False
    printer.end()
    ctx.exit(0 if sound else 1)


def _direction_of(file: BinaryIO) -> Direction:
    name = Path(str(getattr(file, "name", ""))).name
    return Direction.TO_CLIENT if "s2c" in name else Direction.TO_SERVER
