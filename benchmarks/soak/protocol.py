"""The requests of the clients, and the answers that must come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen
from live_engine.config import bridged, codec_listener
from live_envoy.config import Config, bootstrap, route

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.awesomerpc.codec import STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

CODEC = AwesomeRpcCodec()
REQUEST, RESPONSE, ONEWAY, HEARTBEAT = range(4)
COMMAND = 7


@frozen
class Deed:
    """Something that a request asks for, in its header `do`.

    Args:
        status: That of the reply.
        weight: How often it is asked for, beside the others.
        route: More fields of its route; None if there is none.
    """

    status: int
    weight: int
    route: dict[str, Any] | None


def _added(key: str, value: str) -> list[Config]:
    return [{"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


DEEDS = {
    "echo": Deed(STATUSES["ok"], 100, {}),
    # Both messages are changed on their way.
    "change": Deed(
        STATUSES["ok"],
        30,
        {"request_headers_to_add": _added("tint", "blue"), "response_headers_to_add": _added("shade", "dark")},
    ),
    # The first attempt fails; Envoy makes another.
    "retry": Deed(STATUSES["ok"], 10, {"retry_policy": {"retry_on": "5xx,reset", "num_retries": 3}}),
    "reset": Deed(STATUSES["other"], 4, {}),
    "half": Deed(STATUSES["other"], 4, {}),
    "garbage": Deed(STATUSES["bad_response"], 4, {}),
    "late": Deed(STATUSES["timeout"], 2, {"timeout": "0.3s"}),
    "nowhere": Deed(STATUSES["no_route"], 4, None),
}


def configuration(port: int) -> Config:
    """Return Envoy's configuration for a server's port."""
    routes = []
    for name, deed in DEEDS.items():
        if deed.route is not None:
            fields = dict(deed.route)
            top = {key: fields.pop(key) for key in list(fields) if key.endswith("_headers_to_add")}
            routes.append({**route("server", headers={"do": name}, **{"timeout": "60s", **fields}), **top})
    return bootstrap([codec_listener("awesomerpc", routes)], [bridged("server", port)])


def message(kind: int, number: int, headers: Mapping[str, str], payload: bytes = b"", status: int = 0) -> bytes:
    """Return a message."""
    return CODEC.build(kind, number, COMMAND, status, headers, payload)
