"""The fixtures of real Envoys."""

from collections.abc import Callable
from pathlib import Path

import pytest
from live_engine.config import built_module
from live_engine.fixtures import v1, v2
from live_envoy.fixtures import _running, _starting, _watched, release, start_envoy, start_shared_envoy
from mesh_scenarios import LiveMesh

__all__ = ["_running", "_starting", "_watched", "release", "start_envoy", "start_shared_envoy", "v1", "v2"]


@pytest.fixture
def start_mesh(start_envoy: Callable, tmp_path: Path) -> Callable[..., LiveMesh]:
    """Start an Envoy of a configuration, which can change."""
    built_module()
    return lambda *texts: LiveMesh(start_envoy, tmp_path / "mesh", *texts)
