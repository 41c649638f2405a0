"""The conformance kit: proves any codec in its author's CI.

It needs hypothesis, which the extra `testing` installs. One engine, three doors: inherit from `CodecConformance` in a
test, run `metaprotocol check`, or give pytest `--metaprotocol-codec`.
"""

from metaprotocol_sdk.testing._case import Case
from metaprotocol_sdk.testing._catalogue import Level, Property, Tier, catalogue, properties
from metaprotocol_sdk.testing._conformance import CodecConformance
from metaprotocol_sdk.testing._effort import EFFORTS, Effort
from metaprotocol_sdk.testing._provided import STRATEGY_GROUP, provided_messages, strategy_at
from metaprotocol_sdk.testing._report.machine import as_json, as_junit
from metaprotocol_sdk.testing._report.text import explain
from metaprotocol_sdk.testing._result import Report, Result, Verdict
from metaprotocol_sdk.testing._runner import check, check_property, checked_deviations, replay, try_property
from metaprotocol_sdk.testing._subject import Subject
from metaprotocol_sdk.testing._vectors import read_vectors
from metaprotocol_sdk.testing._violation import Violation

__all__ = [
    "EFFORTS",
    "STRATEGY_GROUP",
    "Case",
    "CodecConformance",
    "Effort",
    "Level",
    "Property",
    "Report",
    "Result",
    "Subject",
    "Tier",
    "Verdict",
    "Violation",
    "as_json",
    "as_junit",
    "catalogue",
    "check",
    "check_property",
    "checked_deviations",
    "explain",
    "properties",
    "provided_messages",
    "read_vectors",
    "replay",
    "strategy_at",
    "try_property",
]
