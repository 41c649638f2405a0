"""Runs a codec between real clients and servers: a relay that records, changes and answers messages."""

from metaprotocol_proxy.address import Address, reason_of
from metaprotocol_proxy.correlator import Correlator
from metaprotocol_proxy.descriptors import raise_descriptor_limit
from metaprotocol_proxy.local_replies import FailedPending
from metaprotocol_proxy.proxy_connection import FeedResult, ProxyConnection, Rules
from metaprotocol_proxy.recording import Recorder, RecordingError
from metaprotocol_proxy.relay import Relay
from metaprotocol_proxy.stats import Stats

__all__ = [
    "Address",
    "Correlator",
    "FailedPending",
    "FeedResult",
    "ProxyConnection",
    "Recorder",
    "RecordingError",
    "Relay",
    "Rules",
    "Stats",
    "raise_descriptor_limit",
    "reason_of",
]

# Tracebacks, reprs and pickles name the package that people import from, not the module of the definition.
for _name in __all__:
    globals()[_name].__module__ = __name__
