"""The codec of {{ cookiecutter.name }}. docs/protocol.md describes the bytes."""

from collections.abc import Iterable, Mapping

from construct import {{ cookiecutter._construct | join(", ") }}
from metaprotocol_sdk import (
    {{ cookiecutter._sdk_names | join(",\n    ") }},
)
{% if cookiecutter._headers %}
from metaprotocol_sdk.edits import Edit, growth, splice
from metaprotocol_sdk.entries import mutate_entries, read_properties
{% endif %}
{% if cookiecutter._error_type %}
from metaprotocol_sdk.error_codes import ErrorCodes
{% endif %}
{% if cookiecutter._headers %}

from .headers import read_headers, write_header
{% endif %}

{% if cookiecutter._constants %}
{{ cookiecutter._constants | join("\n") }}

{% endif %}
HEADER = Layout(
    Struct(
        {{ cookiecutter._layout | join("\n        ") }}
    )
)
EMPTY: dict[str, int | bytes] = {f.name: 0 if f.is_integer else bytes(f.size) for f in HEADER.variables}
{% if cookiecutter._message_size %}


{{ cookiecutter._message_size | join("\n") }}
{% endif %}


class {{ cookiecutter.__codec_class }}(Codec):
    """Reads {% if cookiecutter._headers %}and rewrites {% endif %}messages of {{ cookiecutter.name }}.

    {{ cookiecutter._properties_doc }}
    """

    name = "{{ cookiecutter.name }}"
    framing = {{ cookiecutter._framing }}
    layout = HEADER
    {{ cookiecutter._class_lines | join("\n    ") }}

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        {{ cookiecutter._decode | join("\n        ") }}
        {{ "metadata =" if cookiecutter._headers else "return" }} Metadata(
            message,
            {{ cookiecutter._metadata | join("\n            ") }}
        )
{% if cookiecutter._headers %}
        block_end = HEADER.size + headers_size
        try:
            headers = read_headers(message, HEADER.size, block_end)
            metadata.properties = read_properties(headers, metadata.properties, duplicates="refuse", limits=self.limits)
        except ProtocolError as error:
            metadata.error = error
            return metadata
        metadata.header_size = block_end
{% if cookiecutter._operation %}
        if service := metadata.properties.get("service"):
            metadata.operation = {{ cookiecutter._operation }}
{% endif %}
        return metadata
{% endif %}

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
{% if cookiecutter._headers %}
        message, end = metadata.message, metadata.header_size
        if mutation:
            if metadata.error:
                raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
            headers = read_headers(message, HEADER.size, end)
            edits, _ = mutate_entries(headers, mutation, write_header, end, {% if cookiecutter._field_properties %}fields=FIELDS, {% endif %}limits=self.limits)
            block_size = end - HEADER.size + growth(edits)
            if block_size > MAX_HEADERS:
                raise UnsupportedMutation(f"the headers would take {block_size:,} bytes; at most {MAX_HEADERS:,} fit")
            header = HEADER.build(HEADER.parse(message) | sizes(block_size, len(message) - end))
            message = splice(message, [Edit(0, HEADER.size, header), *edits])
{% else %}
        message = metadata.message
        if mutation:
            raise UnsupportedMutation(f"a message has no headers to change: {', '.join(mutation)}")
{% endif %}
        {{ cookiecutter._encode_id | join("\n        ") }}
        return message
{% if cookiecutter._on_error %}

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        {{ cookiecutter._on_error | join("\n        ") }}
{% endif %}
{% if cookiecutter._error_type %}

    def error_type(self, response: Metadata) -> ErrorType | None:
        return {{ cookiecutter._error_type }}
{% endif %}
{% if cookiecutter._heartbeat_reply %}

    def heartbeat_reply(self, request: Metadata) -> bytes:
        {{ cookiecutter._heartbeat_reply | join("\n        ") }}
{% endif %}
{% if cookiecutter._headers %}

    def spans(self, metadata: Metadata) -> list[Span]:
        if metadata.error:
            return super().spans(metadata)
        message, start, end = metadata.message, HEADER.size, metadata.header_size
        headers = [Span(i, j, f"headers.{key}", value) for key, value, i, j in read_headers(message, start, end)]
        payload = [Span(end, len(message), "payload")] if end < len(message) else []
        return [*HEADER.spans(message), *headers, *payload]
{% endif %}

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        {{ cookiecutter._examples | join("\n        ") }}


def build(fields: Mapping[str, int | bytes], {% if cookiecutter._headers %}headers: Mapping[str, str] = {}, {% endif %}payload: bytes = b"") -> bytes:
    """Return a message; a field that is not given is 0. Raises EncodeError for a number that its field can't hold."""
{% if cookiecutter._headers %}
    block = b"".join(write_header(key, value) for key, value in headers.items())
    return HEADER.build({**EMPTY, **fields, **sizes(len(block), len(payload))}) + block + payload


def sizes(block_size: int, payload_size: int) -> dict[str, int]:
    """Return the fields that depend on what follows the header."""
{% endif %}
    {{ cookiecutter._sizes | join("\n    ") }}
{% if cookiecutter._repeated %}


def answer(request: Metadata, fields: dict[str, int], payload: bytes = b"") -> bytes:
    """Return a message that repeats what an answer repeats from its request."""
    {{ cookiecutter._repeated | join("\n    ") }}
    return build(repeated | fields, payload=payload)
{% endif %}
