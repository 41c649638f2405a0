"""Istio's own control plane for tests: its programs, an API server for it, and what it says to a proxy."""

from live_istio.control import ControlPlane
from live_istio.programs import AGENT, BOOTSTRAP, DISCOVERY, NotBuilt, program

__all__ = ["AGENT", "BOOTSTRAP", "DISCOVERY", "ControlPlane", "NotBuilt", "program"]
