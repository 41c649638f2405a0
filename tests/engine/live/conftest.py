"""The fixtures of real Envoys."""

from live_engine.fixtures import v1, v2
from live_envoy.fixtures import _running, _starting, _watched, release, start_envoy, start_shared_envoy

__all__ = ["_running", "_starting", "_watched", "release", "start_envoy", "start_shared_envoy", "v1", "v2"]
