"""A trace of Envoy's tap as the messages of one exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from metaprotocol_envoy.headers import operation_of, property_name, unescape_value
from metaprotocol_mesh.capture.file import Exchange, Message
from metaprotocol_sdk import Direction, MessageType, Status

if TYPE_CHECKING:
    from metaprotocol_mesh.render.pieces import Json

_TYPE = "x-metaprotocol-type"
_REPLY = "x-metaprotocol-reply"
_STATUS_CODE = "x-metaprotocol-status-code"
_INCOMPLETE = "x-metaprotocol-incomplete"
_TYPES = {kind.value: kind for kind in MessageType}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What Envoy itself writes into its answers. Other texts may come from a server of ext_authz or a direct response.
_TEXTS = (
    "no healthy upstream",
    "fault filter abort",
    "RBAC: access denied",
    "local_rate_limited",
    "upstream request timeout",
    "stream timeout",
    "upstream connect error or disconnect/reset before headers",
)


def exchange_of(trace: Json) -> Exchange | None:
    """Return the messages that a trace tells of; None if it tells of none, as that of a heartbeat answered here.

    Args:
        trace: As Envoy has written it, of any content: what is not as expected is left out.
    """
    buffered = _dict(trace.get("http_buffered_trace"))
    request, response = _dict(buffered.get("request")), _dict(buffered.get("response"))
    sent, got = _headers(request), _headers(response)
    kind = _TYPES.get(sent.get(_TYPE, ""))
    if kind is None:
        return None
    connection = _dict(buffered.get("downstream_connection"))
    message = Message(
        Direction.TO_SERVER,
        kind,
        _time(request),
        operation=operation_of(sent.get(":path", "")) or "",
        properties=_properties(sent),
        incomplete=_INCOMPLETE in sent,
    )
    return Exchange(
        _address(connection.get("remote_address")),
        _address(connection.get("local_address")),
        message,
        _answer(message, response, got),
    )


def _answer(request: Message, response: Json, headers: dict[str, str]) -> Message | None:
    """Return the answer; None if there is none, or none that the client gets."""
    status = headers.get(":status", "")
    if not status or (request.type is MessageType.ONEWAY and status.startswith("2")):
        return None
    ours = _REPLY in headers
    code = headers.get(_STATUS_CODE, "")
    return Message(
        Direction.TO_CLIENT,
        _TYPES.get(headers.get(_TYPE, ""), MessageType.RESPONSE) if ours else MessageType.EXCEPTION,
        _time(response),
        status=Status.OK if status == "200" else Status.ERROR,
        status_code=int(code) if ours and code.removeprefix("-").isdecimal() and len(code) < 21 else None,
        properties=_properties(headers) if ours else {},
        incomplete=_INCOMPLETE in headers,
        local=None if ours else _cause(status, response),
    )


def _cause(status: str, response: Json) -> str:
    """Return why Envoy answered, in Envoy's own words where it has any."""
    text = _dict(response.get("body")).get("as_string")
    known = next((one for one in _TEXTS if isinstance(text, str) and text.startswith(one)), "")
    return f"HTTP {status[:3]}{': ' if known else ''}{known}"


def _properties(headers: dict[str, str]) -> dict[str, str]:
    found = {}
    for header, value in headers.items():
        name = property_name(header)
        if name is not None:
            found[name] = unescape_value(value.encode("utf-8", "surrogatepass"))
    return found


def _headers(message: Json) -> dict[str, str]:
    found: dict[str, str] = {}
    rows = message.get("headers")
    for row in rows if isinstance(rows, list) else ():
        key, value = _dict(row).get("key"), _dict(row).get("value")
        if isinstance(key, str) and isinstance(value, str):
            found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _time(message: Json) -> int:
    """Return when headers came, in nanoseconds since 1970; 0 if unknown."""
    try:
        since = datetime.fromisoformat(message["headers_received_time"]) - _EPOCH
    except (LookupError, TypeError, ValueError):
        return 0
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def _address(value: object) -> str:
    found = _dict(_dict(value).get("socket_address"))
    host, port = found.get("address"), found.get("port_value")
    if not isinstance(host, str) or not isinstance(port, int):
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
