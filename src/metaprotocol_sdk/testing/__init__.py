"""The conformance kit: proves a codec in its author's CI."""

from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._catalogue import Level, Property, Tier, catalogue, properties
from metaprotocol_sdk.testing._effort import DEFAULT, EFFORTS, QUICK, THOROUGH, Effort
from metaprotocol_sdk.testing._result import Report, Result, Verdict
from metaprotocol_sdk.testing._runner import check, check_property, replay
from metaprotocol_sdk.testing._subject import Subject
from metaprotocol_sdk.testing._violation import Violation

__all__ = [
    "DEFAULT",
    "EFFORTS",
    "QUICK",
    "THOROUGH",
    "Case",
    "Effort",
    "Level",
    "Property",
    "Report",
    "Result",
    "Subject",
    "Tier",
    "Verdict",
    "Violation",
    "catalogue",
    "check",
    "check_property",
    "properties",
    "replay",
]
