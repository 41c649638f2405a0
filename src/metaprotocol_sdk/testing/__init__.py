"""The conformance kit: proves any codec in its author's CI.

It needs hypothesis, which the extra `testing` installs. One engine can be used in three ways: inherit from
`CodecConformance` in a test, run `metaprotocol check`, or give pytest `--metaprotocol-codec`.
"""

from metaprotocol_sdk.testing._case import Case, Violation
from metaprotocol_sdk.testing._conformance import CodecConformance
from metaprotocol_sdk.testing._hypothesis import EFFORTS, Effort
from metaprotocol_sdk.testing._properties import catalogue, properties
from metaprotocol_sdk.testing._property import Level, Property, Report, Result, Tier, Verdict
from metaprotocol_sdk.testing._report import as_json, as_junit, explain
from metaprotocol_sdk.testing._runner import check, check_property, checked_deviations, replay, try_property
from metaprotocol_sdk.testing._subject import Subject, read_vectors
from metaprotocol_sdk.testing.strategies import STRATEGY_GROUP, provided_deviations, provided_messages, strategy_at

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
    "provided_deviations",
    "provided_messages",
    "read_vectors",
    "replay",
    "strategy_at",
    "try_property",
]

# Tracebacks and documentation show the name to import.
for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = __name__
