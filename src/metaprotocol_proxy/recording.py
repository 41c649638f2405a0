"""Saves the bytes of connections, with the size and the time of each chunk.

A connection NAME has the files `NAME.c2s.bin` and `NAME.s2c.bin`, the bytes that its client and its server sent, and
`NAME.chunks.json`, a row `[direction, offset, size, microseconds]` for each chunk that was received. When it has ended,
it gets a line in `manifest.jsonl`. Every byte, and its row, is in the file before it is sent on.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from metaprotocol_proxy.descriptors import FilePool
from metaprotocol_sdk import Direction, MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from metaprotocol_proxy.stats import Stats

MANIFEST = "manifest.jsonl"
_SUFFIXES = {Direction.TO_SERVER: "c2s", Direction.TO_CLIENT: "s2c"}


class RecordingError(MetaProtocolError):
    """A recording cannot be written."""


class Recorder:
    """A folder of recorded connections. Use it as a context manager, which closes the files.

    Args:
        folder: The folder; it is created if it does not exist.
        facts: Fields for every line of the manifest, such as the codec's name; JSON values.

    Raises:
        RecordingError: The folder is not empty, or cannot be created or written.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self._folder = folder
        self._facts = dict(facts)
        self._count = 0
        self._files = FilePool()
        self._manifest = folder / MANIFEST
        self._manifest_size = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise RecordingError(f"the folder {folder} is not empty; a recording needs a folder of its own")
            with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:  # a full disk still allows empty files
                probe.write(b"?")
            self._files.create(self._manifest)
        except OSError as error:
            raise RecordingError(f"the folder {folder} cannot be used: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._files.close_all()
            if not self._count:  # so that the folder can be used again
                self._manifest.unlink(missing_ok=True)
        except OSError as failure:
            raise self._unwritable(failure) from failure

    def connection(self, client: str) -> Recording:
        """Begin the recording of a connection.

        Args:
            client: The client's address, for the manifest.

        Raises:
            RecordingError: The files of the connection cannot be created.
        """
        self._count += 1
        name = f"conn{self._count}"
        return Recording(self, self._folder, name, {"name": name, "client": client, **self._facts})

    def create(self, path: Path, data: bytes) -> None:
        """Create a file of the recording with these bytes.

        Raises:
            RecordingError: The file cannot be created or written.
        """
        try:
            self._files.create(path)
        except OSError as error:
            raise self._unwritable(error) from error
        self.write(path, 0, data)

    def write(self, path: Path, offset: int, data: bytes) -> None:
        """Write bytes to a file of the recording.

        Raises:
            RecordingError: The file cannot be written, for example because the disk is full.
        """
        try:
            self._files.write(path, offset, data)
        except OSError as error:
            raise self._unwritable(error) from error

    def complete(self, paths: list[Path], line: dict[str, Any]) -> None:
        """Add a connection to the manifest.

        Args:
            paths: The files of the connection, which are closed.
            line: The fields of its line in the manifest.

        Raises:
            RecordingError: The manifest cannot be written.
        """
        data = json.dumps(line).encode() + b"\n"
        # The manifest is written before the files are closed: while a file is open, no write lacks a descriptor.
        self.write(self._manifest, self._manifest_size, data)
        self._manifest_size += len(data)
        try:
            for path in paths:
                self._files.close(path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RecordingError:
        return RecordingError(f"the recording in {self._folder} cannot be written: {error.strerror or error}")


class Recording:
    """The recording of one connection, made by `Recorder.connection`."""

    def __init__(self, recorder: Recorder, folder: Path, name: str, facts: dict[str, Any]) -> None:
        self._recorder = recorder
        self._facts = facts
        self._paths = {direction: folder / f"{name}.{suffix}.bin" for direction, suffix in _SUFFIXES.items()}
        self._chunks = folder / f"{name}.chunks.json"
        self._sizes = dict.fromkeys(Direction, 0)
        self._digests = {direction: hashlib.sha256() for direction in Direction}
        self._began = time.monotonic_ns()
        self._accepted = datetime.now(UTC)
        for path in self._paths.values():
            recorder.create(path, b"")
        recorder.create(self._chunks, b"[]\n")
        self._rows_end = 1
        self._separator = ""

    def add(self, direction: Direction, data: bytes) -> None:
        """Save a chunk that was just received.

        Raises:
            RecordingError: The files cannot be written, for example because the disk is full.
        """
        elapsed = (time.monotonic_ns() - self._began) // 1000
        self._recorder.write(self._paths[direction], self._sizes[direction], data)
        row = self._separator + json.dumps([_SUFFIXES[direction], self._sizes[direction], len(data), elapsed])
        # The row overwrites the bracket that closes the array and adds a new one: the file is valid JSON at any moment.
        self._recorder.write(self._chunks, self._rows_end, f"{row}]\n".encode())
        self._rows_end += len(row)
        self._separator = ",\n"
        self._sizes[direction] += len(data)
        self._digests[direction].update(data)

    def close(self, ended: str, stats: Stats | None) -> None:
        """Add the connection to the manifest.

        Args:
            ended: The reason why the connection ended, a sentence.
            stats: The counters of its messages; None if they were not decoded.

        Raises:
            RecordingError: The manifest cannot be written.
        """
        files: dict[str, dict[str, Any]] = {}
        for direction, path in self._paths.items():
            facts = {"file": path.name, "size": self._sizes[direction], "sha256": self._digests[direction].hexdigest()}
            files[_SUFFIXES[direction]] = facts if stats is None else facts | {"messages": stats.count(direction)}
        line = self._facts | {
            "accepted": self._accepted.isoformat(timespec="milliseconds"),
            "seconds": round((time.monotonic_ns() - self._began) / 1e9, 3),
            "ended": ended,
            "files": files,
        }
        self._recorder.complete([*self._paths.values(), self._chunks], line)
