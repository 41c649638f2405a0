"""All values of the template that depend on the protocol."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from metaprotocol_cli.new.source import decoding, deviations, encoding, example, layout, page

if TYPE_CHECKING:
    from metaprotocol_cli.new.protocol import Protocol


def protocol_values(protocol: Protocol) -> dict[str, Any]:
    """Return the values that the template calls `cookiecutter._...`: text, or lines of text.

    Args:
        protocol: The header that the codec reads and writes.
    """
    headers, kinds, statuses = protocol.field("headers"), protocol.field("type"), protocol.field("status")
    values: dict[str, Any] = {
        "_byte_order": protocol.byte_order,
        "_changes": page.changes_text(protocol),
        "_class_lines": encoding.class_lines(protocol),
        "_constants": encoding.constant_lines(protocol),
        "_construct": layout.construct_names(protocol),
        "_decode": decoding.decode_lines(protocol),
        "_deviations": deviations.lines(protocol),
        "_check_options": deviations.options(protocol),
        "_encode_id": encoding.encode_id_lines(protocol),
        "_error_type": encoding.error_type_text(protocol),
        "_examples": example.example_lines(protocol),
        "_expected_id": example.expected_id(protocol),
        "_expected_operation": example.expected_operation(protocol),
        "_expected_properties": example.expected_properties(protocol),
        "_field_properties": bool(protocol.plain_fields),
        "_framing": layout.framing_text(protocol),
        "_headers": headers is not None,
        "_heartbeat_reply": encoding.heartbeat_reply_lines(protocol),
        "_kind_rows": page.value_rows(protocol.kinds) if kinds else [],
        "_layout": layout.layout_lines(protocol),
        "_length": page.length_text(protocol),
        "_message_size": layout.message_size_lines(protocol),
        "_metadata": decoding.metadata_lines(protocol),
        "_on_error": encoding.on_error_lines(protocol),
        "_operation": encoding.operation_text(protocol),
        "_properties_doc": encoding.properties_doc(protocol),
        "_repeated": encoding.repeated_lines(protocol),
        "_request": example.request_lines(protocol),
        "_rows": page.field_rows(protocol),
        "_sdk_versions": sdk_versions(),
        "_sizes": encoding.sizes_lines(protocol),
        "_vectors": False,
        "_status_rows": page.value_rows(protocol.statuses) if statuses else [],
    }
    values["_sdk_names"] = _sdk_names(protocol)
    return values


def sdk_versions() -> str:
    """Return the versions of the SDK that the project accepts: before 1.0 a minor version may change the API."""
    major, minor, *_ = importlib.metadata.version("metaprotocol-sdk").split(".")
    return f">={major}.{minor},<{major}.{int(minor) + 1}" if major == "0" else f">={major}.{minor},<{int(major) + 1}"


def _sdk_names(protocol: Protocol) -> list[str]:
    used = {
        "Capability": bool(encoding.capabilities(protocol)),
        "Codec": True,
        "Correlation": "id" not in protocol.roles and protocol.split_id is None,
        "DecodeError": "type" in protocol.roles or protocol.split_id is not None,
        "Direction": True,
        "EncodeError": True,
        "Error": encoding.reports_failures(protocol),
        "ErrorType": "status" in protocol.roles,
        "HeaderLength": bool(protocol.summed),
        "Layout": True,
        "LengthField": not protocol.summed,
        "MessageType": True,
        "Metadata": True,
        "Mutation": True,
        "ProtocolError": "headers" in protocol.roles,
        "Span": "headers" in protocol.roles,
        "Status": encoding.reports_failures(protocol),
        "UnsupportedMutation": True,
    }
    return [name for name, is_used in used.items() if is_used]
