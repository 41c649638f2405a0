"""Saves the bytes of connections, in the pieces and at the times in which they came.

A connection NAME becomes `NAME.c2s.bin` and `NAME.s2c.bin`, what its client and its server sent; `NAME.chunks.json`, a
row `[direction, offset, size, microseconds]` for each piece that was received; and, when it has ended, a line in
`manifest.jsonl`. Every byte, and its row, is in the file before it is sent on.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from metaprotocol_proxy.open_files import OpenFiles
from metaprotocol_sdk import Direction, MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from metaprotocol_proxy.tally import Tally

MANIFEST = "manifest.jsonl"
_SUFFIXES = {Direction.TO_SERVER: "c2s", Direction.TO_CLIENT: "s2c"}


class RecordingError(MetaProtocolError):
    """A recording cannot be written."""


class Recorder:
    """A folder of recorded connections. A context manager: leaving it closes the files.

    Args:
        folder: Where to; it is made if it is not there.
        facts: What every line of the manifest says, such as the codec's name; JSON values.

    Raises:
        RecordingError: The folder holds files already, or cannot be made or written.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self._folder = folder
        self._facts = dict(facts)
        self._count = 0
        self._files = OpenFiles()
        self._manifest = folder / MANIFEST
        self._manifest_size = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise RecordingError(f"the folder {folder} is not empty; a recording does not mix with other files")
            with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:  # a full disk still makes empty files
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
            if not self._count:  # the folder can be used again
                self._manifest.unlink(missing_ok=True)
        except OSError as failure:
            raise self._unwritable(failure) from failure

    def connection(self, client: str) -> Recording:
        """Begin the recording of a connection.

        Args:
            client: The client's address, for the manifest.

        Raises:
            RecordingError: Its files cannot be made.
        """
        self._count += 1
        name = f"conn{self._count}"
        return Recording(self, self._folder, name, {"name": name, "client": client, **self._facts})

    def create(self, path: Path, data: bytes) -> None:
        """Make a file of the recording that holds these bytes.

        Raises:
            RecordingError: It cannot be made.
        """
        try:
            self._files.create(path)
        except OSError as error:
            raise self._unwritable(error) from error
        self.write(path, 0, data)

    def write(self, path: Path, offset: int, data: bytes) -> None:
        """Write bytes to a file of the recording.

        Raises:
            RecordingError: The disk is full, or the like.
        """
        try:
            self._files.write(path, offset, data)
        except OSError as error:
            raise self._unwritable(error) from error

    def complete(self, paths: list[Path], line: dict[str, Any]) -> None:
        """Add a connection to the manifest.

        Args:
            paths: Its files.
            line: What the manifest says of it.

        Raises:
            RecordingError: The manifest cannot be written.
        """
        data = json.dumps(line).encode() + b"\n"
        # The manifest is open before others are closed: while a file is open there is a descriptor to write with.
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
    """One connection that is being recorded; made by `Recorder.connection`."""

    def __init__(self, recorder: Recorder, folder: Path, name: str, facts: dict[str, Any]) -> None:
        self._recorder = recorder
        self._facts = facts
        self._paths = {way: folder / f"{name}.{suffix}.bin" for way, suffix in _SUFFIXES.items()}
        self._chunks = folder / f"{name}.chunks.json"
        self._sizes = dict.fromkeys(Direction, 0)
        self._digests = {way: hashlib.sha256() for way in Direction}
        self._began = time.monotonic_ns()
        self._accepted = datetime.now(UTC)
        for path in self._paths.values():
            recorder.create(path, b"")
        recorder.create(self._chunks, b"[]\n")
        self._rows_end = 1
        self._separator = ""

    def add(self, direction: Direction, data: bytes) -> None:
        """Save a piece that was just received.

        Raises:
            RecordingError: The disk is full, or the like.
        """
        elapsed = (time.monotonic_ns() - self._began) // 1000
        self._recorder.write(self._paths[direction], self._sizes[direction], data)
        row = self._separator + json.dumps([_SUFFIXES[direction], self._sizes[direction], len(data), elapsed])
        # Over the bracket that closes the array, and with a new one: the file is JSON at any moment.
        self._recorder.write(self._chunks, self._rows_end, f"{row}]\n".encode())
        self._rows_end += len(row)
        self._separator = ",\n"
        self._sizes[direction] += len(data)
        self._digests[direction].update(data)

    def close(self, ended: str, tally: Tally | None) -> None:
        """Add the connection to the manifest.

        Args:
            ended: How the connection ended, for a person.
            tally: The counts of its messages; None if nobody read them.

        Raises:
            RecordingError: The manifest cannot be written.
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
        self._recorder.complete([*self._paths.values(), self._chunks], line)
