"""Istio's control plane, and proxies of it."""

from collections.abc import Iterator

import pytest
from live_engine.fixtures import v1, v2
from live_envoy.fixtures import _running, _starting, _watched, release, start_envoy, start_shared_envoy
from live_istio import DISCOVERY, ControlPlane, NotBuilt, program
from required import require

__all__ = ["_running", "_starting", "_watched", "release", "start_envoy", "start_shared_envoy", "v1", "v2"]


@pytest.fixture(scope="module")
def istiod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane, without automatic mTLS; the test is skipped where it is not built."""
    try:
        program(DISCOVERY)
    except NotBuilt as error:
        require("istio", str(error))
    with ControlPlane(tmp_path_factory.mktemp("istiod"), enableAutoMtls=False) as found:
        yield found
        print(found.log[-20_000:])  # noqa: T201 - pytest shows it if a test has failed
