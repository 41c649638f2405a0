"""The command itself: its arguments, and its exit status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from metaprotocol_cli.capture import CaptureError, is_capture
from metaprotocol_cli.input import Input, InputError
from metaprotocol_cli.inspect.captures import read_capture
from metaprotocol_cli.inspect.conversation import read_stream
from metaprotocol_cli.inspect.jsonlines import JsonLines
from metaprotocol_cli.inspect.mesh_captures import is_mesh_capture, print_mesh_capture
from metaprotocol_cli.inspect.recordings import CHUNKS, RecordingFault, read_recording, recorded_connections
from metaprotocol_cli.inspect.records import Note, Record
from metaprotocol_cli.inspect.source import progress, read_pieces
from metaprotocol_cli.inspect.text import Text
from metaprotocol_cli.options import codec_from, codec_options
from metaprotocol_cli.terminal import color_option
from metaprotocol_sdk import Codec, Direction, load_codec_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells count
_DIRECTIONS = {"to-server": Direction.TO_SERVER, "to-client": Direction.TO_CLIENT}


@click.command("inspect")
@codec_options(required=False)
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
    help="The format: the stream's bytes; text that shows them (hex, dumps, arrays, strings, base64); or a packet "
    "capture.",
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
@click.argument("file", type=click.Path(exists=True, allow_dash=True, path_type=Path), metavar="FILE")
@click.pass_context
def command(
    ctx: click.Context,
    codec_name: str | None,
    options: tuple[str, ...],
    direction: str,
    form: str,
    port: int | None,
    idl: str | None,
    verbose: int,
    as_json: bool,
    file: Path,
) -> None:
    """Read the messages of recorded traffic.

    FILE holds the bytes of one direction of one connection, raw or as text; or it is a packet capture (pcap, pcapng),
    of which every connection is read, both ways, or those of --port; or a folder that `metaprotocol record` wrote, or
    one of its NAME.chunks.json: then both directions are read in their order; or a file that `metaprotocol mesh
    capture` wrote, which needs no --codec. Compressed files are decompressed. - is standard input, whose messages are
    shown as they come.

    The exit status is 0 if every message was read, 1 if one was not or a stream is broken, 2 if the command line is
    wrong, and 130 after Ctrl-C.

    \b
    Examples:
      metaprotocol inspect --codec dubbo stream.c2s.bin
      metaprotocol inspect --codec dubbo -v --direction to-client stream.bin
      metaprotocol inspect --codec dubbo recorded
      metaprotocol inspect --codec dubbo --port 20880 trace.pcapng
      metaprotocol inspect --codec thrift --idl service.thrift -v stream.c2s.bin
      metaprotocol inspect calls.jsonl
      echo 4152 0103 0000 0004 0000 0012 0000 0000 0000 | metaprotocol inspect --codec awesomerpc -v -
    """
    given = None if codec_name is None else _codec(codec_name, options, idl)
    if file.is_dir() or file.name.endswith(CHUNKS):
        codec = _needed(given)
        _refuse_port(port)
        try:
            connections = recorded_connections(file)
        except RecordingFault as error:
            raise click.UsageError(str(error)) from error
        printer = JsonLines(codec, verbose) if as_json else Text(codec, verbose)
        status = _print(_named_faults(lambda: read_recording(connections, codec)), printer, lambda: None)
    else:
        with click.open_file(str(file), "rb") as opened:
            source, kind = _recognised(cast("BinaryIO", opened), form)
            if kind == "mesh":
                _refuse_port(port)
                ctx.exit(print_mesh_capture(source, verbose, as_json=as_json))
            codec = _needed(given)
            printer = JsonLines(codec, verbose) if as_json else Text(codec, verbose)
            if kind == "pcap":
                items = _named_faults(lambda: read_capture(source, codec, port))
            else:
                _refuse_port(port)
                way = _DIRECTIONS.get(direction) or _direction_of(file)
                items = _named_faults(lambda: read_stream(read_pieces(source, form), codec, way))
            with progress(source) as show:
                status = _print(items, printer, show)
    ctx.exit(status)


def _recognised(opened: BinaryIO, form: str) -> tuple[Input, str]:
    """Return a file or a pipe, and "pcap", "mesh" or "" for what it is."""
    try:
        source = Input(opened)
        if form == "auto" and is_mesh_capture(source):
            return source, "mesh"
        captured = form == "pcap" or (form == "auto" and is_capture(source.peek(4)))
    except InputError as error:
        raise click.UsageError(str(error), ctx=None) from error
    return source, "pcap" if captured else ""


def _direction_of(file: Path) -> Direction:
    return Direction.TO_CLIENT if "s2c" in file.name else Direction.TO_SERVER


def _needed(codec: Codec | None) -> Codec:
    if codec is None:
        raise click.MissingParameter(param_hint="'--codec'", param_type="option")
    return codec


def _print(items: Iterator[Record | Note], printer: JsonLines | Text, show: Callable[[], None]) -> int:
    """Print messages and notes, and return the exit status."""
    status = 0
    printer.begin()
    try:
        for item in items:
            if isinstance(item, Record):
                printer.record(item)
            else:
                printer.note(item)
            status = status if item.sound else 1
            show()
    except KeyboardInterrupt:
        status = _INTERRUPTED
    printer.end()
    return status


def _named_faults(read: Callable[[], Iterator[Record | Note]]) -> Iterator[Record | Note]:
    """Yield what is read; a fault of the file itself ends it with a note."""
    try:
        yield from read()
    except (CaptureError, InputError, RecordingFault) as error:
        yield Note(str(error), lost=True)
    except OSError as error:
        yield Note(f"reading failed: {error.strerror or error}", lost=True)


def _refuse_port(port: int | None) -> None:
    if port is not None:
        raise click.UsageError("--port chooses connections of a packet capture; this file is not one")


def _codec(name: str, options: tuple[str, ...], path: str | None) -> Codec:
    if path is None:
        return codec_from(name, options)
    from metaprotocol_codecs.thrift import ThriftCodec, read_idl

    if not issubclass(load_codec_class(name), ThriftCodec):
        raise click.UsageError(f"--idl is for --codec thrift; the codec {name} takes no interface definition")
    try:
        idl = read_idl(path)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--idl") from error
    return codec_from(name, options, idl=idl)
