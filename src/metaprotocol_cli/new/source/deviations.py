"""Properties that the protocol itself cannot have, declared so that the conformance kit does not report them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_cli.new.source.encoding import reports_failures
from metaprotocol_cli.new.source.statuses import tells_reasons_apart

if TYPE_CHECKING:
    from metaprotocol_cli.new.protocol import Protocol


def lines(protocol: Protocol) -> list[str]:
    """Return the lines of the conformance test that declare them."""
    return [f'"{property_id}": "{reason}",' for property_id, reason in _deviations(protocol).items()]


def options(protocol: Protocol) -> str:
    """Return the same as options of `metaprotocol check`."""
    return "".join(f' --deviation "{property_id}={reason}"' for property_id, reason in _deviations(protocol).items())


def _deviations(protocol: Protocol) -> dict[str, str]:
    if not reports_failures(protocol):
        return {"MP-CLAIM-005": "the protocol has no way to report a failure"}
    if "status" in protocol.roles and not tells_reasons_apart(protocol.statuses):
        return {"MP-REPLY-007": "the protocol has one number for all errors of a mesh"}
    return {}
