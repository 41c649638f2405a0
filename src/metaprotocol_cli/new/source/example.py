"""The examples of a new codec, and one request byte by byte for its test, written without the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.new.source.encoding import reports_failures
from metaprotocol_cli.new.source.formatting import display, fitted, quoted
from metaprotocol_cli.new.source.layout import bytes_literal

if TYPE_CHECKING:
    from metaprotocol_cli.new.fields import Field
    from metaprotocol_cli.new.protocol import Protocol

_REQUEST_ID, _OPERATION = 1, 7
_HEADERS = {"service": "Greeter", "user": "Zoë"}
_PAYLOAD = b"hello"
_METHOD = 8


def example_lines(protocol: Protocol) -> list[str]:
    """Return the body of the codec's `examples`."""
    kinds = protocol.kinds if "type" in protocol.roles else {}
    headers = f"{display(quoted(_headers(protocol)))}, " if "headers" in protocol.roles else ""
    request = _fields(protocol, type="REQUEST", id=_REQUEST_ID, operation=_OPERATION)
    lines = fitted("request = {", request, "}", indent=_METHOD) if request else ["request: dict[str, int] = {}"]
    lines.append(_to_server(f"request, {headers}{_payload(protocol, 'hello', answers=False)}"))
    changed = _fields(protocol, type="RESPONSE") if kinds else []
    if protocol.statuses.get("ok"):  # what is not given is 0
        changed += _fields(protocol, status='STATUSES["ok"]')
    lines.append(f"response = request | {display(changed)}" if changed else "response = request")
    lines.append(_to_client(f"response, payload={_payload(protocol, 'hello back', answers=True)}"))
    if reports_failures(protocol):
        error = {"type": "EXCEPTION"} if "exception" in kinds else {}
        status = next((name for name in protocol.statuses if name != "ok"), "")
        failure = _fields(protocol, **error, status=f'STATUSES["{status}"]')
        lines.append(f"failure = response | {display(failure)}")
        lines.append(_to_client('failure, payload=b"what?"'))
    for kind, line in (("oneway", _to_server), ("heartbeat", _to_server), ("heartbeat_response", _to_client)):
        if kind in kinds:
            lines.append(line(f"request | {display(_fields(protocol, type=kind.upper()))}"))
    return lines


def _payload(protocol: Protocol, text: str, *, answers: bool) -> str:
    payload = _to_id(protocol, answers=answers) + text.encode()
    zeros = len(payload) - len(payload.lstrip(b"\0"))
    # Written out, they would fill a line.
    return f"bytes({zeros}) + {bytes_literal(payload[zeros:])}" if zeros > 2 else bytes_literal(payload)


def _to_id(protocol: Protocol, *, answers: bool) -> bytes:
    """Return what is between the header and the payload: the id, if it is not in the header, and zeros before it."""
    split = protocol.split_id
    if split is None:
        return b""
    start = split.to_client if answers else split.to_server
    return bytes(start - protocol.size) + _REQUEST_ID.to_bytes(split.size, protocol.byte_order)


def _to_server(arguments: str) -> str:
    return f"yield Direction.TO_SERVER, build({arguments})"


def _to_client(arguments: str) -> str:
    return f"yield Direction.TO_CLIENT, build({arguments})"


def _fields(protocol: Protocol, **values: object) -> list[str]:
    """Return the items of a display of fields; a role that no field has is left out."""
    return [f'"{protocol.roles[role]}": {value}' for role, value in values.items() if role in protocol.roles]


def request_lines(protocol: Protocol) -> list[str]:
    """Return one request as hex, a field a line."""
    block = _header_block(protocol)
    to_id = _to_id(protocol, answers=False)
    values = {protocol.length.name: protocol.least_length + len(block) + len(to_id) + len(_PAYLOAD)}
    known = {
        "id": _REQUEST_ID,
        "operation": _OPERATION,
        "headers": len(block),
        "type": protocol.kinds.get("request", 0),
    }
    values |= {name: known[role] for role, name in protocol.roles.items() if role in known}
    lines = [f'"{protocol.magic.hex()}"  # magic'] if protocol.magic else []
    for field in protocol.fields:
        raw = _bytes_of(protocol, field, values.get(field.name, 0))
        note = f"{field.name}{_note(protocol, field, values)}"
        pieces = [raw[start : start + 32].hex() for start in range(0, len(raw), 32)]
        lines += [f'"{piece}"  # {note}' for piece in pieces]
    for key, value in _headers(protocol).items():
        lines.append(f'"{_header(protocol, key, value).hex()}"  # the header {key}: {value}')
    if to_id:
        lines.append(f'"{to_id.hex()}"  # up to the id, and the id')
    return [*lines, f'"{_PAYLOAD.hex()}"  # payload: {_PAYLOAD.decode()}']


def expected_properties(protocol: Protocol) -> list[str]:
    """Return the properties of that request, as the test expects them."""
    operation = protocol.roles.get("operation")
    values = {
        field.name: '"0"' if field.is_integer else f"bytes({field.size}).hex()" for field in protocol.plain_fields
    }
    if operation is not None:
        values[operation] = f'"{_OPERATION}"'
    items = [f'"{name}": {value}' for name, value in values.items()]
    items += quoted(_headers(protocol))
    return fitted("assert request.properties == {", items, "}", indent=4)


def expected_operation(protocol: Protocol) -> str:
    """Return the operation of that request."""
    parts = [value for key, value in _headers(protocol).items() if key == "service"]
    return "/".join(parts + ([str(_OPERATION)] if "operation" in protocol.roles else []))


def expected_id(protocol: Protocol) -> int:
    """Return the id of that request."""
    return _REQUEST_ID if "id" in protocol.roles or protocol.split_id else 0


def _note(protocol: Protocol, field: Field, values: dict[str, int]) -> str:
    if field == protocol.field("type"):
        return ": request"
    if field == protocol.field("length"):
        return f": {values[field.name]}"
    return ""


def _headers(protocol: Protocol) -> dict[str, str]:
    """Return the headers of the request; a field of the same name would hide one."""
    if "headers" not in protocol.roles:
        return {}
    hidden = {field.name for field in protocol.plain_fields}
    return {key: value for key, value in _HEADERS.items() if key not in hidden}


def _header_block(protocol: Protocol) -> bytes:
    return b"".join(_header(protocol, key, value) for key, value in _headers(protocol).items())


def _header(protocol: Protocol, key: str, value: str) -> bytes:
    content = value.encode()
    return bytes([len(key)]) + key.encode() + len(content).to_bytes(2, protocol.byte_order) + content


def _bytes_of(protocol: Protocol, field: Field, value: int) -> bytes:
    if not field.is_integer:
        return bytes(field.size)
    number = value if field.constant is None else field.constant
    return number.to_bytes(field.size, protocol.byte_order)
