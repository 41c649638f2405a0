"""Copies of requests, as docs/governance/mirroring.md has them."""

from typing import Any

import pytest
from governance import EVERY_FORM, Scenario, failing, shown
from live_engine.peers import serving
from mesh_protocols import Protocol
from mesh_scenarios import likely

from metaprotocol_sdk import Metadata

pytestmark = pytest.mark.live


@EVERY_FORM
def test_nobody_sees_the_failures_of_a_mirror(scenario: Scenario, protocol: Protocol) -> None:
    """It resets, answers garbage, errors and nothing in turn, and half of the requests are copied to it."""
    error = failing(protocol, 6 if protocol.codec.name == "thrift" else 80 if protocol.codec.name == "dubbo" else 255)

    def fail(message: Metadata, connection: Any) -> bytes | None:
        match len(mirror.received) % 4:
            case 0:
                return connection.reset()
            case 1:
                return b"HTTP/1.1 500 Internal Server Error\r\n\r\n"
            case 2:
                return error(message, connection)
        return None

    with serving(protocol.codec, fail) as mirror, protocol.serving("v1") as server:
        scenario.apply(protocol, {"v1": [server.port], "v2": [mirror.port]}, shown("mirroring", "mirror"))
        with scenario.caller() as client:
            assert [client.text() for _ in range(200)] == ["v1"] * 200
        scenario.envoy.wait_for_stat(
            f"{scenario.cluster('v2')}.upstream_rq_pending_active", lambda pending: not pending
        )
        copies = scenario.envoy.stat(f"{scenario.cluster('v2')}.upstream_rq_total")
        assert copies in likely(200, 0.5)
        assert len(mirror.wait(copies)) == copies
    assert scenario.envoy.stat(f"{scenario.listener}.downstream_cx_total") == 1
