"""`inspect --json`: one object a line for each message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from metaprotocol_cli.capture import Connection
    from metaprotocol_cli.inspect.records import Note, Record
    from metaprotocol_sdk import Codec, ProtocolError


class JsonLines:
    """Prints records as JSON lines.

    Args:
        codec: The codec that decoded them.
        verbose: 0 for the metadata only; more adds the spans and the bytes.
    """

    def __init__(self, codec: Codec, verbose: int) -> None:
        self._codec = codec
        self._verbose = verbose

    def begin(self) -> None:
        """Print nothing: JSON lines have no heading."""

    def record(self, record: Record) -> None:
        """Print one message."""
        metadata = record.metadata
        fields: dict[str, Any] = {
            "number": record.number,
            "offset": record.offset,
            "direction": record.direction,
            "type": metadata.message_type,
            "id": metadata.request_id,
            "operation": metadata.operation,
            "status": metadata.status,
            "status_code": metadata.status_code,
            "expects_reply": metadata.expects_reply,
            "stream_id": metadata.stream_id,
            "header_size": metadata.header_size,
            "body_size": metadata.body_size,
            "trailer_size": metadata.trailer_size,
            "properties": metadata.properties,
            "incomplete": metadata.incomplete,
            "error": metadata.error and _error_fields(metadata.error),
        }
        if record.connection is not None:
            fields["connection"] = _connection_fields(record.connection)
            fields["time"] = record.timestamp / 1e9 if record.timestamp else None
            fields["answers"] = metadata.request.operation if metadata.request else None
            fields["elapsed_ms"] = None if record.elapsed is None else record.elapsed / 1e6
        if self._verbose:
            fields["spans"] = [attrs.asdict(span) for span in record.spans(self._codec)]
            fields["hex"] = metadata.message.hex()
        click.echo(json.dumps(fields))

    def note(self, note: Note) -> None:
        """Print a note, as an object of its own."""
        fields: dict[str, Any] = {"note": note.text}
        if note.connection is not None:
            fields["connection"] = _connection_fields(note.connection)
        if note.direction is not None:
            fields["direction"] = note.direction
        if note.error is not None:
            fields["stream_error"] = _error_fields(note.error)
        click.echo(json.dumps(fields))

    def end(self) -> None:
        """Print nothing: the exit status says the rest."""


def _connection_fields(connection: Connection) -> dict[str, object]:
    return {"id": connection.id, "client": connection.client, "server": connection.server}


def _error_fields(error: ProtocolError) -> dict[str, object]:
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "offset": error.offset,
        "field": error.field,
        "hint": error.hint,
    }
