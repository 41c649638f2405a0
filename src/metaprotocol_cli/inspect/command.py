"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from metaprotocol_cli.capture import CaptureError, is_capture
from metaprotocol_cli.inspect.captures import read_capture
from metaprotocol_cli.inspect.jsonlines import JsonLines
from metaprotocol_cli.inspect.records import Note, Record, read_records
from metaprotocol_cli.inspect.source import progress, read_chunks
from metaprotocol_cli.inspect.text import Text
from metaprotocol_cli.options import codec_from, codec_options
from metaprotocol_cli.terminal import color_option
from metaprotocol_sdk import Codec, Direction, ProtocolError, load_codec_class

if TYPE_CHECKING:
    from collections.abc import Callable

_DIRECTIONS = {"to-server": Direction.TO_SERVER, "to-client": Direction.TO_CLIENT}


@click.command("inspect")
@codec_options(required=True)
@click.option(
    "--direction",
    type=click.Choice(["auto", *_DIRECTIONS]),
    default="auto",
    show_default=True,
    help="The way that the bytes travel. auto: to-client if the file's name has s2c in it, otherwise to-server.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "raw", "hex", "pcap"]),
    default="auto",
    show_default=True,
    help="The file's format: the stream's bytes, hex text (plain, xxd, hexdump -C), or pcap or pcapng.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="In a packet capture: the server's port.")
@click.option(
    "--idl",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.thrift",
    help="With --codec thrift: the interface definition, for the names and types of arguments and results.",
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
    port: int | None,
    idl: str | None,
    verbose: int,
    as_json: bool,
    file: BinaryIO,
) -> None:
    """Read the messages of a captured stream.

    FILE holds the bytes of one direction of one connection, raw or as hex text; or a packet capture (pcap, pcapng),
    of which every connection is read, both ways, or those of --port. - is standard input.

    The exit status is 0 if every message was read, 1 if one was not or the stream is broken, and 2 if the command
    line is wrong.

    \b
    Examples:
      metaprotocol inspect --codec dubbo stream.c2s.bin
      metaprotocol inspect --codec dubbo -v --direction to-client stream.bin
      metaprotocol inspect --codec dubbo --port 20880 trace.pcapng
      metaprotocol inspect --codec thrift --idl service.thrift -v stream.c2s.bin
      echo 4152 0103 0000 0004 0000 0012 0000 0000 0000 | metaprotocol inspect --codec awesomerpc -v -
    """
    codec = codec_from(codec_name, options) if idl is None else _codec_with_idl(codec_name, options, idl)
    reader = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", file))
    printer = JsonLines(codec, verbose) if as_json else Text(codec, verbose)
    printer.begin()
    with progress(file) as show:
        if form == "pcap" or (form == "auto" and is_capture(reader.peek(64))):
            sound = _print_capture(reader, codec, port, printer, show)
        elif port is not None:
            raise click.UsageError("--port chooses connections of a packet capture; this file is not one")
        else:
            which = _DIRECTIONS.get(direction) or _direction_of(file)
            sound = _print_stream(reader, form, codec, which, printer, show)
    printer.end()
    ctx.exit(0 if sound else 1)


def _codec_with_idl(name: str, options: tuple[str, ...], path: str) -> Codec:
    from metaprotocol_codecs.thrift import ThriftCodec, read_idl

    if not issubclass(load_codec_class(name), ThriftCodec):
        raise click.UsageError(f"--idl is for --codec thrift; the codec {name} takes no interface definition")
    try:
        idl = read_idl(path)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--idl") from error
    return codec_from(name, options, idl=idl)


def _print_stream(
    file: BinaryIO,
    form: str,
    codec: Codec,
    direction: Direction,
    printer: JsonLines | Text,
    show: Callable[[int], None],
) -> bool:
    """Print the messages of one stream; return True if all of it was read."""
    sound = True
    with closing(read_chunks(file, form)) as chunks:
        try:
            for record in read_records(chunks, codec.for_connection(), direction):
                if isinstance(record, Note):
                    printer.note(record)
                    continue
                printer.record(record)
                show(record.offset)
                sound = sound and record.metadata.error is None
        except ProtocolError as error:
            printer.broken(error)
            sound = False
    return sound


def _print_capture(
    file: BinaryIO, codec: Codec, port: int | None, printer: JsonLines | Text, show: Callable[[int], None]
) -> bool:
    """Print the messages of all connections of a capture; return True if all of it was read."""
    sound = True
    try:
        for item in read_capture(file, codec, port):
            if file.seekable():
                show(file.tell())
            if isinstance(item, Record):
                printer.record(item)
                sound = sound and item.metadata.error is None
            else:
                printer.note(item)
                sound = sound and not item.lost
    except CaptureError as error:
        printer.note(Note(str(error)))
        sound = False
    return sound


def _direction_of(file: BinaryIO) -> Direction:
    name = Path(str(getattr(file, "name", ""))).name
    return Direction.TO_CLIENT if "s2c" in name else Direction.TO_SERVER
