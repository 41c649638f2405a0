"""A mesh of Istio's own control plane and proxies."""

from collections.abc import Iterator

import pytest
from live_engine.config import built_module
from live_envoy import RELEASES, NotAvailable, Release
from live_envoy.fixtures import release
from live_istio import AGENT, BOOTSTRAP, DISCOVERY, NotBuilt, program
from live_istio.scenario import Scenario, scenario
from required import require

__all__ = ["release"]


@pytest.fixture(scope="session")
def istio() -> None:
    """Istio's programs; the test is skipped where they are not built."""
    try:
        for name in (DISCOVERY, AGENT, BOOTSTRAP):
            program(name)
    except NotBuilt as error:
        require("istio", str(error))


@pytest.fixture(scope="session")
def newest() -> Release:
    """The newest Envoy, for what does not depend on it."""
    try:
        RELEASES[-1].binary()
    except NotAvailable as error:
        require("envoy", str(error))
    return RELEASES[-1]


@pytest.fixture(scope="module")
def mesh(istio: None, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Two proxies under STRICT mTLS, and three servers."""
    built_module()
    with scenario(release, tmp_path_factory.mktemp("istio")) as found:
        yield found
