"""The connections that `metaprotocol record` recorded, both directions in their order, with their times."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from attrs import define

from metaprotocol_cli.capture import Connection
from metaprotocol_cli.inspect.conversation import Conversation
from metaprotocol_cli.inspect.records import Note
from metaprotocol_sdk import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metaprotocol_cli.inspect.records import Record
    from metaprotocol_sdk import Codec

CHUNKS = ".chunks.json"
_MANIFEST = "manifest.jsonl"
_WAYS = {"c2s": Direction.TO_SERVER, "s2c": Direction.TO_CLIENT}


class RecordingFault(Exception):
    """A recording cannot be read; the text is a sentence for a person."""


@define
class _Facts:
    """A connection as the manifest describes it."""

    client: str = "client"
    server: str = "server"
    accepted: int = 0  # nanoseconds since 1970; 0 if unknown


def recorded_connections(path: Path) -> list[Path]:
    """Return the files NAME.chunks.json of a recording, in the order of their connections.

    Args:
        path: The folder that was recorded to, or one of these files.

    Raises:
        RecordingFault: The folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(f"*{CHUNKS}"), key=lambda file: (len(file.name), file.name))
    if not found:
        raise RecordingFault(f"the folder {path} holds no NAME{CHUNKS}, which `metaprotocol record` writes")
    return found


def read_recording(files: list[Path], codec: Codec) -> Iterator[Record | Note]:
    """Yield the messages of recorded connections, one after the other, and notes on what is missing.

    Args:
        files: The result of `recorded_connections`.
        codec: The codec to read them with.

    Raises:
        RecordingFault: A file is missing or damaged; all that came before has been yielded.
    """
    numbers = count(1)
    for number, file in enumerate(files, 1):
        facts = _facts(file)
        connection = Connection(number, facts.client, facts.server)
        try:
            yield from _read(file, Conversation(codec, connection, numbers), facts.accepted)
        except OSError as error:
            raise RecordingFault(f"{error.filename} cannot be read: {error.strerror}") from error


def _read(file: Path, conversation: Conversation, accepted: int) -> Iterator[Record | Note]:
    rows = _rows(file)
    name = file.name.removesuffix(CHUNKS)
    with ExitStack() as stack:
        streams = {way: stack.enter_context(file.with_name(f"{name}.{way}.bin").open("rb")) for way in _WAYS}
        for way, _, size, *elapsed in rows:
            data = streams[way].read(size)
            time = accepted + 1000 * elapsed[0] if elapsed else 0
            yield from conversation.data(_WAYS[way], data, time)
            if len(data) < size:
                raise RecordingFault(f"{name}.{way}.bin ends before the bytes that {file.name} lists")
        for way, stream in streams.items():
            if rest := len(stream.read()):
                yield Note(f"{rest:,} bytes at the end of {name}.{way}.bin are not in {file.name}", lost=True)
            yield from conversation.end(_WAYS[way])


def _rows(file: Path) -> list[Any]:
    """Return the rows of a NAME.chunks.json: direction, offset, size, and perhaps microseconds."""
    try:
        rows = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise RecordingFault(f"{file} is not JSON: {error}") from error
    ends = dict.fromkeys(_WAYS, 0)
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        match row:
            case [("c2s" | "s2c") as way, int(offset), int(size), *_] if offset == ends[way] and size > 0:
                ends[way] += size
            case _:
                raise RecordingFault(
                    f"row {number} of {file} is {json.dumps(row)[:60]}, and not a direction, an offset that follows "
                    "from the rows before it, and a size"
                )
    return rows  # type: ignore[no-any-return] # each row was checked


def _facts(file: Path) -> _Facts:
    """Return what the manifest beside a connection says of it; a connection that is still open is not in it."""
    name = file.name.removesuffix(CHUNKS)
    try:
        lines = file.with_name(_MANIFEST).read_text("utf-8").splitlines()
        line = next((row for line in lines if (row := json.loads(line))["name"] == name), None)
        if line is None:
            return _Facts()
        seconds = datetime.fromisoformat(line["accepted"]).timestamp()
        return _Facts(line["client"], line["upstream"] or "the relay", round(seconds * 1000) * 1_000_000)
    except (OSError, ValueError, LookupError, TypeError):
        return _Facts()
