"""The lines of a new codec that build, change and answer messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.new.protocol import SplitId
from metaprotocol_cli.new.source.decoding import has_error_kind
from metaprotocol_cli.new.source.formatting import WIDTH, display, filled, fitted, number, pairs
from metaprotocol_cli.new.source.statuses import any_failure, status_of_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_cli.new.protocol import Protocol


def constant_lines(protocol: Protocol) -> list[str]:
    """Return the module's constants before the header."""
    lines: list[str] = []
    if "type" in protocol.roles:
        lines += filled("KINDS", pairs(protocol.kinds))
        lines.append(f"{', '.join(kind.upper() for kind in protocol.kinds)} = KINDS.values()")
        name = 'name.removesuffix("_response")' if "heartbeat_response" in protocol.kinds else "name"
        lines.append(f"TYPES = {{number: MessageType({name}) for name, number in KINDS.items()}}")
    if (status := protocol.field("status")) is not None:
        lines += filled("STATUSES", pairs(protocol.statuses))
        lines += _error_codes(protocol.statuses, status.most)
    if (headers := protocol.field("headers")) is not None:
        lines.append(f"MAX_HEADERS = {number(headers.most)}")
        if protocol.plain_fields:
            lines += fitted("FIELDS = {", [f'"{field.name}"' for field in protocol.plain_fields], "}", indent=0)
    return lines


def _error_codes(statuses: Mapping[str, int], most: int) -> list[str]:
    """Return the table of statuses for errors.

    Args:
        statuses: The numbers of the protocol's statuses, by their names.
        most: The largest number that the field holds.
    """
    rows = [f'        ErrorType.{error.name}: STATUSES["{name}"],' for error, name in status_of_errors(statuses)]
    lines = ["ERRORS = ErrorCodes(", *(["    {", *rows, "    },"] if rows else ["    {},"])]
    lines += [f'    default=STATUSES["{any_failure(statuses)}"],', f"    maximum={number(most)},"]
    if statuses["ok"]:
        lines.append('    success=[STATUSES["ok"]],')
    return [*lines, ")"]


def error_type_text(protocol: Protocol) -> str:
    """Return the expression that `error_type` returns; "" if the default is right."""
    if "status" not in protocol.roles:
        return ""
    text = "ERRORS.error_type(response.status_code)"
    return f"{text} or super().error_type(response)" if has_error_kind(protocol) else text


def class_lines(protocol: Protocol) -> list[str]:
    """Return the class variables after the layout."""
    claimed = capabilities(protocol)
    lines = []
    if len(claimed) == 4:
        lines.append("capabilities = frozenset(Capability) - {Capability.STREAMS}")
    elif claimed:
        lines.append(f"capabilities = frozenset({display(f'Capability.{name}' for name in claimed)})")
    identifier = protocol.split_id or protocol.field("id")
    if identifier is None:
        correlation = (
            "FIFO  # responses come in the order of their requests"
            if protocol.in_order
            else "SERIAL  # a client waits for each response before it sends the next request"
        )
        return [*lines, f"correlation = Correlation.{correlation}", "max_request_id = 0"]
    return [*lines, f"max_request_id = 2**{8 * identifier.size} - 1"]


def capabilities(protocol: Protocol) -> list[str]:
    """Return the names of the capabilities that the codec has."""
    claimed = ["REQUEST_MUTATION", "RESPONSE_MUTATION"] if "headers" in protocol.roles else []
    if "type" in protocol.roles:
        claimed += ["HEARTBEAT"] if "heartbeat_response" in protocol.kinds else []
        claimed += ["ONEWAY"] if "oneway" in protocol.kinds else []
    return claimed


def encode_id_lines(protocol: Protocol) -> list[str]:
    """Return the lines of `encode` that write another id."""
    field = protocol.split_id or protocol.field("id")
    if field is None:
        return [
            "if request_id is not None and request_id != metadata.request_id:",
            '    raise EncodeError("a message has no id to change")',
        ]
    order = "" if protocol.byte_order == "big" or field.size == 1 else ', "little"'
    if isinstance(field, SplitId):
        before, after = f"message[: end - {field.size}] + ", "message[end:]"
    else:
        start = protocol.offset(field)
        before, after = (f"message[:{start}] + " if start else ""), f"message[{start + field.size}:]"
    return [
        "if request_id is not None:",
        "    if not 0 <= request_id <= self.max_request_id:",
        f'        raise EncodeError(f"the request_id {{request_id}} does not fit {8 * field.size} bits")',
        *(["    end = metadata.header_size"] if isinstance(field, SplitId) else []),
        f"    message = {before}request_id.to_bytes({field.size}{order}) + {after}",
    ]


def sizes_lines(protocol: Protocol) -> list[str]:
    """Return the end of `sizes`, or of `build` if there is not a header block."""
    uncounted = protocol.length_end + protocol.adjustment
    fixed = protocol.size - uncounted
    count = "HEADER.size" if not uncounted else f"HEADER.size - {uncounted}" if fixed else ""
    name, headers = protocol.length.name, protocol.roles.get("headers")
    if headers:
        total = " + ".join(part for part in (count, "block_size", "payload_size") if part)
        return fitted("return {", [f'"{name}": {total}', f'"{headers}": block_size'], "}", indent=4)
    total = " + ".join(part for part in (count, "len(payload)") if part)
    return [f"length = {total}", f'return HEADER.build({{**EMPTY, **fields, "{name}": length}}) + payload']


def on_error_lines(protocol: Protocol) -> list[str]:
    """Return the lines of `on_error` after its first `if`; none if no message can report a failure."""
    if not reports_failures(protocol):
        return []
    fields = []
    if "type" in protocol.roles:
        kind, value = protocol.roles["type"], "EXCEPTION" if has_error_kind(protocol) else "RESPONSE"
        fields.append(f'"{kind}": {value}')
    lines = []
    if "status" in protocol.roles:
        fields.append(f'"{protocol.roles["status"]}": ERRORS.code(error)')
    else:
        lines += ["if error.code is not None:", '    raise EncodeError("an error reply has no number to set")']
    most = protocol.length.most - protocol.least_length
    limit = f"[:{most}]  # as much as fits the {protocol.length.name}" if protocol.length.size <= 2 else ""
    lines.append(f'text = error.message.encode("utf-8", "backslashreplace"){limit}')
    arguments = f"request, {display(fields)}, text"
    if len(f"        return answer({arguments})") <= WIDTH:
        return [*lines, f"return answer({arguments})"]
    return [*lines, "return answer(", f"    {arguments}", ")"]


def reports_failures(protocol: Protocol) -> bool:
    """Return True if a message can report a failure."""
    return "status" in protocol.roles or has_error_kind(protocol)


def heartbeat_reply_lines(protocol: Protocol) -> list[str]:
    """Return the body of `heartbeat_reply`; none if the protocol has no answers to heartbeats."""
    if "HEARTBEAT" not in capabilities(protocol):
        return []
    kind = protocol.roles["type"]
    return [f'return answer(request, {{"{kind}": HEARTBEAT_RESPONSE}})']


def operation_text(protocol: Protocol) -> str:
    """Return the operation of a message that has a header `service`; "" if that's the name of a field."""
    if any(field.name == "service" for field in protocol.plain_fields):
        return ""
    return 'f"{service}/{metadata.operation}"' if "operation" in protocol.roles else "service"


def properties_doc(protocol: Protocol) -> str:
    """Return a sentence about the properties."""
    fields = [f"the field {field.name}" for field in protocol.plain_fields]
    sources = fields if len(fields) <= 2 else [f"{len(fields)} of the header's fields"]
    if "headers" in protocol.roles:
        sources.append("the headers of the message")
    if not sources:
        return "A message has no properties that rules match on."
    verb = "The only property is" if sources == fields[:1] else "Properties are"
    return f"{verb} {' and '.join(sources)}."


def repeated_lines(protocol: Protocol) -> list[str]:
    """Return the lines that collect what an answer repeats from its request; none if nothing is answered."""
    if not reports_failures(protocol) and "HEARTBEAT" not in capabilities(protocol):
        return []
    fields = []
    if identifier := protocol.roles.get("id"):
        fields.append(f'"{identifier}": request.request_id')
    if operation := protocol.roles.get("operation"):
        fields.append(f'"{operation}": int(request.properties["{operation}"])')
    return fitted("repeated = {", fields, "}", indent=4) if fields else ["repeated: dict[str, int] = {}"]
