"""The fixtures of real Envoys."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from governance import Scenario, SharedMesh
from live_engine.config import built_module
from live_engine.fixtures import v1, v2
from live_envoy.fixtures import _running, _starting, _watched, release, start_envoy, start_shared_envoy
from live_envoy.releases import RELEASES, NotAvailable, Release
from mesh_scenarios import LiveMesh
from required import require

__all__ = ["_running", "_starting", "_watched", "release", "start_envoy", "start_shared_envoy", "v1", "v2"]


@pytest.fixture
def start_mesh(start_envoy: Callable, tmp_path: Path) -> Callable[..., LiveMesh]:
    """Start an Envoy of a configuration, which can change."""
    built_module()
    return lambda *texts: LiveMesh(start_envoy, tmp_path / "mesh", *texts)


@pytest.fixture(scope="session")
def newest_release() -> Release:
    """The newest release of Envoy, with the module built; tests are skipped where it cannot be had."""
    try:
        RELEASES[-1].binary()
    except NotAvailable as error:
        require("envoy", str(error))
    built_module()
    return RELEASES[-1]


@pytest.fixture(scope="session")
def shared_mesh(
    _starting: Callable, newest_release: Release, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedMesh]:
    """An Envoy that all tests configure in turn, which takes a tenth of the time of a start."""
    with ExitStack() as stack:
        yield SharedMesh(_starting(stack, newest_release), tmp_path_factory.mktemp("shared") / "mesh")


@pytest.fixture
def scenario(shared_mesh: SharedMesh) -> Scenario:
    """A part of the shared Envoy that no other test has."""
    return shared_mesh.next()
