"""The recorded connections that are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.capture import CaptureError, Data, Gap, is_capture, read_connections
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Bytes of both directions of one connection: more bring nothing new and take long to try.
_MOST = 1024 * 1024
_SUFFIXES = {Direction.TO_SERVER: ".c2s.bin", Direction.TO_CLIENT: ".s2c.bin"}

Conversation = dict[Direction, bytes]


def read_conversations(paths: Sequence[Path]) -> list[Conversation]:
    """Return the connections in files, as the bytes of each direction from the beginning to the end.

    Args:
        paths: NAME.c2s.bin or NAME.s2c.bin, of which the other one is read too if it exists; files of other names,
            which are taken for the bytes of a client; or packet captures.

    Raises:
        AnswersError: A file cannot be read, or none has a connection that can be used.
    """
    found: list[Conversation] = []
    read: set[Path] = set()
    for path in paths:
        try:
            with path.open("rb") as file:
                captured = is_capture(file.read(64))
            if captured:
                found += _captured(path)
            elif not read & (files := set(_files(path).values())):
                read |= files
                found.append(_recorded(path))
        except (OSError, CaptureError) as error:
            raise AnswersError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    learned = [conversation for conversation in found if 0 < sum(map(len, conversation.values())) <= _MOST]
    if not learned:
        raise AnswersError(
            f"none of the {len(found)} connections found can be used: one must be recorded from its beginning, without "
            f"gaps, and have at most {_MOST:,} bytes"
        )
    return learned


def _files(path: Path) -> dict[Direction, Path]:
    for suffix in _SUFFIXES.values():
        if path.name.endswith(suffix):
            name = path.name.removesuffix(suffix)
            paths = {direction: path.with_name(name + end) for direction, end in _SUFFIXES.items()}
            return {direction: other for direction, other in paths.items() if other.exists()}
    return {Direction.TO_SERVER: path}


def _recorded(path: Path) -> Conversation:
    streams: Conversation = {}
    for direction, file in _files(path).items():
        with file.open("rb") as stream:
            streams[direction] = stream.read(_MOST + 1)
    return {direction: data for direction, data in streams.items() if data}


def _captured(path: Path) -> list[Conversation]:
    conversations: dict[int, dict[Direction, bytearray]] = {}
    broken: set[int] = set()
    with path.open("rb") as file:
        for connection, direction, event in read_connections(file):
            streams = conversations.setdefault(connection.id, {})
            if isinstance(event, Gap) or connection.started_mid_stream(direction):
                broken.add(connection.id)
            elif isinstance(event, Data) and sum(map(len, streams.values())) <= _MOST:
                streams.setdefault(direction, bytearray()).extend(event.data)
    return [
        {direction: bytes(data) for direction, data in streams.items()}
        for number, streams in conversations.items()
        if number not in broken
    ]
