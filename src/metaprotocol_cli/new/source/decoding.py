"""The lines of `decode` in a new codec."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from metaprotocol_cli.new.source.formatting import WIDTH, fitted

if TYPE_CHECKING:
    from metaprotocol_cli.new.protocol import Protocol

_VARIABLES = {"type": "kind", "id": "request_id", "status": "code", "headers": "headers_size", "length": "_"}
# Names that the functions of the codec use.
_USED = {
    *(set(_VARIABLES.values()) - {"_"}),
    *(
        "answers",
        "block_end",
        "direction",
        "error",
        "failed",
        "id_end",
        "key",
        "message",
        "metadata",
        "self",
        "service",
        "value",
    ),
    *dir(builtins),
}
_METHOD = 8


def decode_lines(protocol: Protocol) -> list[str]:
    """Return the lines of `decode` that read the header and find the type of the message."""
    lines = _unpacking(list(variables(protocol).values()))
    field = protocol.field("type")
    if field is not None:
        place = f'offset={protocol.offset(field)}, field="{field.name}"'
        lines += ["if kind not in TYPES:", f'    raise DecodeError(f"there is no message type {{kind}}", {place})']
    else:
        lines += ["answers = direction is Direction.TO_CLIENT"]
    if (split := protocol.split_id) is not None:
        order = "" if protocol.byte_order == "big" else ', "little"'
        lines += [
            f"id_end = ({split.to_client} if answers else {split.to_server}) + {split.size}",
            "if len(message) < id_end:",
            '    raise DecodeError("the message ends before its id", offset=len(message), field="id")',
            f"request_id = int.from_bytes(message[id_end - {split.size} : id_end]{order})",
        ]
    if failure := _failure(protocol):
        lines.append(f"failed = {failure}")
    return lines


def _unpacking(names: list[str]) -> list[str]:
    if set(names) == {"_"}:
        return ["HEADER.unpack(message)  # refuses a message that is shorter"]
    if len(names) == 1:
        return [f"({names[0]},) = HEADER.unpack(message)"]
    line = f"{', '.join(names)} = HEADER.unpack(message)"
    if _METHOD + len(line) <= WIDTH:
        return [line]
    return ["(", *(f"    {name}," for name in names), ") = HEADER.unpack(message)"]


def variables(protocol: Protocol) -> dict[str, str]:
    """Return the variable that holds each field which is not constant, by the field's name."""
    roles = {name: role for role, name in protocol.roles.items()}
    found: dict[str, str] = {}
    for field in protocol.fields:
        if field.constant is not None:
            continue
        role = "length" if field.name in protocol.summed else roles.get(field.name, "")
        name = _VARIABLES.get(role) or field.name
        if role not in _VARIABLES:
            while name in _USED or name in found.values():
                name += "_"
        found[field.name] = name
    return found


def metadata_lines(protocol: Protocol) -> list[str]:
    """Return the arguments of `Metadata` after the message."""
    message_type = "TYPES[kind]"
    if protocol.field("type") is None:
        message_type = "MessageType.RESPONSE if answers else MessageType.REQUEST"
    failure = _failure(protocol)
    if failure:
        message_type = f"MessageType.EXCEPTION if failed else {message_type}"
    lines = [f"{message_type},"]
    if "id" in protocol.roles or protocol.split_id is not None:
        lines.append("request_id,")
    operation = protocol.field("operation")
    if operation is not None:
        lines.append(f"operation=str({variables(protocol)[operation.name]}),")
    if failure:
        lines.append("status=Status.ERROR if failed else Status.OK,")
    if properties := property_items(protocol):
        lines += fitted("properties={", properties, "},", indent=12)
    lines.append("header_size=HEADER.size," if protocol.split_id is None else "header_size=id_end,")
    if "status" in protocol.roles:
        lines.append(f"status_code=code if {_is_answer(protocol)} else None,")
    if "heartbeat_response" in protocol.kinds and "type" in protocol.roles:
        lines.append("expects_reply=kind in (REQUEST, HEARTBEAT),")
    return lines


def property_items(protocol: Protocol) -> list[str]:
    """Return the items of the properties' display: the fields that are only shown."""
    names = variables(protocol)
    return [
        f'"{field.name}": {f"str({names[field.name]})" if field.is_integer else f"{names[field.name]}.hex()"}'
        for field in protocol.plain_fields
    ]


def has_error_kind(protocol: Protocol) -> bool:
    """Return True if the protocol has a message type for failures."""
    return "type" in protocol.roles and "exception" in protocol.kinds


def _is_answer(protocol: Protocol) -> str:
    if "type" not in protocol.roles:
        return "answers"
    return "kind in (RESPONSE, EXCEPTION)" if has_error_kind(protocol) else "kind == RESPONSE"


def _failure(protocol: Protocol) -> str:
    """Return the condition that a message reports a failure; "" if none can."""
    answer = "answers" if "type" not in protocol.roles else "kind == RESPONSE"
    by_status = f'{answer} and code != STATUSES["ok"]'
    if not has_error_kind(protocol):
        return by_status if "status" in protocol.roles else ""
    return f"kind == EXCEPTION or ({by_status})" if "status" in protocol.roles else "kind == EXCEPTION"
