"""Saves the bytes of connections, in the pieces and at the times in which they came.

A connection NAME becomes `NAME.c2s.bin` and `NAME.s2c.bin`, what its client and its server sent; `NAME.chunks.json`, a
row `[direction, offset, size, microseconds]` for each piece that was received; and, when it has ended, a line in
`manifest.jsonl`. Every byte is in the file before it is sent on.
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from metaprotocol_sdk import Direction, MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from metaprotocol_proxy.tally import Tally

MANIFEST = "manifest.jsonl"
_SUFFIXES = {Direction.TO_SERVER: "c2s", Direction.TO_CLIENT: "s2c"}


class RecordingError(MetaProtocolError):
    """A recording cannot be written."""


class Recorder:
    """A folder of recorded connections.

    Args:
        folder: Where to; it is made if it is not there.
        facts: What every line of the manifest says, such as the codec's name; JSON values.

    Raises:
        RecordingError: The folder holds files already, or cannot be made.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise RecordingError(f"the folder {folder} is not empty; a recording does not mix with other files")
        except OSError as error:
            raise RecordingError(f"the folder {folder} cannot be used: {error.strerror or error}") from error
        self._folder = folder
        self._facts = dict(facts)
        self._count = 0

    def connection(self, client: str) -> Recording:
        """Begin the recording of a connection.

        Args:
            client: The client's address, for the manifest.

        Raises:
            RecordingError: Its files cannot be made.
        """
        self._count += 1
        name = f"conn{self._count}"
        try:
            return Recording(self._folder, name, {"name": name, "client": client, **self._facts})
        except OSError as error:
            raise _unwritable(self._folder, error) from error


class Recording:
    """One connection that is being recorded; made by `Recorder.connection`."""

    def __init__(self, folder: Path, name: str, facts: dict[str, Any]) -> None:
        self._folder = folder
        self._facts = facts
        self._paths = {way: folder / f"{name}.{suffix}.bin" for way, suffix in _SUFFIXES.items()}
        # Unbuffered: a recorder that dies loses nothing.
        self._files = {way: path.open("xb", buffering=0) for way, path in self._paths.items()}
        self._chunks = (folder / f"{name}.chunks.json").open("x", encoding="utf-8")
        self._separator = "["
        self._sizes = dict.fromkeys(Direction, 0)
        self._digests = {way: hashlib.sha256() for way in Direction}
        self._began = time.monotonic_ns()
        self._accepted = datetime.now(UTC)

    def add(self, direction: Direction, data: bytes) -> None:
        """Save a piece that was just received.

        Raises:
            RecordingError: The disk is full, or the like.
        """
        elapsed = (time.monotonic_ns() - self._began) // 1000
        row = json.dumps([_SUFFIXES[direction], self._sizes[direction], len(data), elapsed])
        try:
            view = memoryview(data)
            while view:
                view = view[self._files[direction].write(view) :]
            self._chunks.write(f"{self._separator}{row}")
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        self._separator = ",\n"
        self._sizes[direction] += len(data)
        self._digests[direction].update(data)

    def close(self, ended: str, tally: Tally | None) -> None:
        """Complete the files and add the connection to the manifest.

        Args:
            ended: How the connection ended, for a person.
            tally: The counts of its messages; None if nobody read them.

        Raises:
            RecordingError: The files cannot be completed.
        """
        files: dict[str, dict[str, Any]] = {}
        for way, path in self._paths.items():
            facts = {"file": path.name, "size": self._sizes[way], "sha256": self._digests[way].hexdigest()}
            files[_SUFFIXES[way]] = facts if tally is None else facts | {"messages": tally.count(way)}
        line = self._facts | {
            "accepted": self._accepted.isoformat(timespec="milliseconds"),
            "seconds": round((time.monotonic_ns() - self._began) / 1e9, 3),
            "ended": ended,
            "files": files,
        }
        try:
            self._chunks.write("]\n" if self._separator != "[" else "[]\n")
            self._chunks.close()
            for file in self._files.values():
                file.close()
            with (self._folder / MANIFEST).open("a", encoding="utf-8") as manifest:
                manifest.write(json.dumps(line) + "\n")
        except OSError as error:
            raise _unwritable(self._folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RecordingError:
    return RecordingError(f"the recording in {folder} cannot be written: {error.strerror or error}")
