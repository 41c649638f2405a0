"""Real Envoys for tests and benchmarks: install a release, write its configuration, start it, ask it, end it."""

from live_envoy.process import Envoy, EnvoyFault
from live_envoy.releases import RELEASES, NotAvailable, Release

__all__ = ["RELEASES", "Envoy", "EnvoyFault", "NotAvailable", "Release"]
