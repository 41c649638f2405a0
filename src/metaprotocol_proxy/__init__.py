"""Runs a codec between real clients and servers: today a relay that records, changes and answers."""

from metaprotocol_proxy.address import Address, reason_of
from metaprotocol_proxy.descriptors import raise_descriptor_limit
from metaprotocol_proxy.exchange import Exchange, Passage
from metaprotocol_proxy.pairing import Pairing
from metaprotocol_proxy.recording import Recorder, RecordingError
from metaprotocol_proxy.relay import Relay
from metaprotocol_proxy.rules import Rules
from metaprotocol_proxy.tally import Tally

__all__ = [
    "Address",
    "Exchange",
    "Pairing",
    "Passage",
    "Recorder",
    "RecordingError",
    "Relay",
    "Rules",
    "Tally",
    "raise_descriptor_limit",
    "reason_of",
]
