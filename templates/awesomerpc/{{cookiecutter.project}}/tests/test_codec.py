"""One request, byte by byte as docs/protocol.md describes it."""

from metaprotocol_sdk import Direction, MessageType

from {{ cookiecutter.package }} import {{ cookiecutter.__codec_class }}

REQUEST = bytes.fromhex(
    {{ cookiecutter._request | join("\n    ") }}
)


def test_a_request_is_read() -> None:
    request = {{ cookiecutter.__codec_class }}().decode(REQUEST, Direction.TO_SERVER)
    assert request.message_type is MessageType.REQUEST
    assert (request.request_id, request.operation) == ({{ cookiecutter._expected_id }}, "{{ cookiecutter._expected_operation }}")
    {{ cookiecutter._expected_properties | join("\n    ") }}
    assert REQUEST[request.header_size :] == b"hello"
