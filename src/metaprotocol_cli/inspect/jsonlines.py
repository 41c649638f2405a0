"""`inspect --json`: one object a line for each message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import click

from metaprotocol_cli.inspect.records import error_fields

if TYPE_CHECKING:
    from metaprotocol_cli.inspect.records import Record
    from metaprotocol_sdk import Codec, ProtocolError


class JsonLines:
    """Prints records as JSON lines.

    Args:
        codec: The codec that decoded them.
        verbose: Whether to add the spans.
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
            "properties": metadata.properties,
            "error": metadata.error and error_fields(metadata.error),
        }
        if self._verbose:
            fields["spans"] = [attrs.asdict(span) for span in self._codec.spans(metadata)]
            fields["hex"] = metadata.message.hex()
        click.echo(json.dumps(fields))

    def broken(self, error: ProtocolError) -> None:
        """Print what ended the stream, as an object of its own."""
        click.echo(json.dumps({"stream_error": error_fields(error)}))

    def end(self) -> None:
        """Print nothing: the exit status tells."""
