"""The recorded connections that are searched."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

import click
from attrs import Factory, define

from metaprotocol_cli.capture import CaptureError, Data, EndReason, Gap, is_capture, read_connections
from metaprotocol_cli.input import Input, InputError
from metaprotocol_cli.inspect.source import read_pieces
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Bytes of both directions of one connection: more bring nothing new and take long to try.
_MOST = 1024 * 1024
# Packets that are left out of a stream that was captured from its middle on, to find one that begins a message.
_MOST_LEFT_OUT = 8
_SUFFIXES = {Direction.TO_SERVER: ".c2s.bin", Direction.TO_CLIENT: ".s2c.bin"}


@define
class Conversation:
    """One connection.

    Args:
        name: A name for its files.
        streams: The bytes of each direction that was recorded.
        packets: The sizes of the packets of a direction that was captured from its middle on.
        unfinished: The directions whose last message may not be complete.
    """

    name: str
    streams: dict[Direction, bytes] = Factory(dict)
    packets: dict[Direction, list[int]] = Factory(dict)
    unfinished: set[Direction] = Factory(set)

    def without_packets(self, count: int) -> Conversation:
        """Return the conversation without the first packets of the streams that were captured from their middle on."""
        streams = {way: data[sum(self.packets.get(way, [])[:count]) :] for way, data in self.streams.items()}
        return Conversation(
            self.name, {way: data for way, data in streams.items() if data}, self.packets, self.unfinished
        )


def read_conversations(paths: Sequence[Path]) -> list[Conversation]:
    """Return the connections in files, as the bytes of each direction.

    Args:
        paths: NAME.c2s.bin or NAME.s2c.bin, of which the other one is read too if it exists; folders of such files;
            files of other names, which are taken for the bytes of a client, or text that shows them, as `inspect` reads
            it; or packet captures. All may be compressed.

    Raises:
        AnswersError: A file cannot be read, or none has a connection that can be used.
    """
    found: list[Conversation] = []
    read: set[Path] = set()
    for path in chain.from_iterable(map(_files_of, paths)):
        if path in read:
            continue
        try:
            with path.open("rb") as file:
                source = Input(file)
                if is_capture(source.peek(4)):
                    found += _captured(path, source)
                    continue
            both = _both(path)
            read |= {*both.values()}
            found.append(_recorded(path, both))
        except (OSError, CaptureError, InputError, click.UsageError) as error:
            text = error.message if isinstance(error, click.UsageError) else getattr(error, "strerror", None) or error
            raise AnswersError(f"{path} cannot be read: {text}") from error
    learned = [one for one in found if 0 < sum(map(len, one.streams.values())) <= _MOST]
    if not learned:
        raise AnswersError(
            f"none of the {len(found)} connections found can be used: one must have bytes, and at most {_MOST:,}"
        )
    return learned


def whole_starts(conversations: Sequence[Conversation]) -> Iterator[list[Conversation]]:
    """Yield the conversations as they are, and then without the first packets of running connections.

    The first packet of a connection that was captured from its middle on may begin inside a message.
    """
    yield [*conversations]
    most = max((len(sizes) for one in conversations for sizes in one.packets.values()), default=0)
    for count in range(1, min(most, _MOST_LEFT_OUT) + 1):
        shorter = [one.without_packets(count) for one in conversations]
        yield [one for one in shorter if one.streams]


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.c2s.bin"), key=lambda file: (len(file.name), file.name))
    if not files:
        raise AnswersError(f"the folder {path} holds no NAME.c2s.bin, which `metaprotocol record` writes")
    return files


def _both(path: Path) -> dict[Direction, Path]:
    for suffix in _SUFFIXES.values():
        if path.name.endswith(suffix):
            name = path.name.removesuffix(suffix)
            paths = {direction: path.with_name(name + end) for direction, end in _SUFFIXES.items()}
            return {direction: other for direction, other in paths.items() if other.exists()}
    return {Direction.TO_SERVER: path}


def _recorded(path: Path, both: dict[Direction, Path]) -> Conversation:
    conversation = Conversation(path.name.partition(".")[0])
    for direction, name in both.items():
        form = "raw" if name.name.endswith(tuple(_SUFFIXES.values())) else "auto"
        with name.open("rb") as file:
            for way, piece in read_pieces(Input(file), form):
                data = conversation.streams.get(way or direction, b"")
                if len(data) > _MOST:
                    break
                conversation.streams[way or direction] = data + piece
    return conversation


def _captured(path: Path, source: Input) -> list[Conversation]:
    conversations: dict[int, Conversation] = {}
    pieces: dict[tuple[int, Direction], bytearray] = {}
    gaps: set[tuple[int, Direction]] = set()
    name = path.name.partition(".")[0]
    for connection, direction, event in read_connections(cast("BinaryIO", source)):
        key = connection.id, direction
        conversation = conversations.setdefault(connection.id, Conversation(f"{name}-{connection.id}"))
        if isinstance(event, Gap):  # what comes after it may begin anywhere
            gaps.add(key)
            conversation.unfinished.add(direction)
        elif isinstance(event, Data) and key not in gaps:
            data = pieces.setdefault(key, bytearray())
            if len(data) <= _MOST:
                data += event.data
            if connection.started_mid_stream(direction):
                conversation.packets.setdefault(direction, []).append(len(event.data))
        elif not isinstance(event, Data) and event.reason is EndReason.OPEN:
            conversation.unfinished.add(direction)
    for (number, direction), data in pieces.items():
        conversations[number].streams[direction] = bytes(data)
    return [*conversations.values()]
