"""The codec of {{ cookiecutter.name }}. docs/protocol.md describes the bytes."""

from collections.abc import Iterable, Mapping

from construct import {{ cookiecutter._construct | join(", ") }}
from metaprotocol_sdk import (
    {{ cookiecutter._sdk_names | join(",\n    ") }},
)
{% if cookiecutter._headers %}

from .headers import mutate_headers, read_headers, write_headers
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
            for key, value, _, _ in read_headers(message, HEADER.size, block_end):
                metadata.properties.setdefault(key, value)
        except DecodeError as error:
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
        message, start, end = metadata.message, HEADER.size, metadata.header_size
        if mutation:
            if metadata.error:
                raise UnsupportedMutation(f"the message cannot be read: {metadata.error}")
            block = mutate_headers(message, start, end, mutation)
            message = HEADER.build(HEADER.parse(message) | sizes(block, message[end:])) + block + message[end:]
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
    block = write_headers(headers)
    return HEADER.build({**EMPTY, **fields, **sizes(block, payload)}) + block + payload


def sizes(block: bytes, payload: bytes) -> dict[str, int]:
    """Return the fields that depend on what follows the header."""
{% endif %}
    {{ cookiecutter._sizes | join("\n    ") }}
{% if cookiecutter._repeated %}


def answer(request: Metadata, fields: dict[str, int], payload: bytes = b"") -> bytes:
    """Return a message that repeats what an answer repeats from its request."""
    {{ cookiecutter._repeated | join("\n    ") }}
    return build(repeated | fields, payload=payload)
{% endif %}
