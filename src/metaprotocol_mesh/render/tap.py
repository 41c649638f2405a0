"""Envoy's tap filter, which `metaprotocol mesh capture` turns on and off through the admin interface.

The HTTP filter and not the tap transport socket: that one taps only connections that begin after the tap, and copies
every write also while no tap runs.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from metaprotocol_mesh.render.engine import ADMISSION
from metaprotocol_mesh.render.listeners import HCM
from metaprotocol_mesh.render.pieces import Json, typed

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG_ID = "metaprotocol"
"""The name by which a POST of /tap means the filters of all listeners."""


def with_taps(listeners: Iterable[Json]) -> list[Json]:
    """Return listeners with a tap after admission, so that it sees only requests that a codec filter has made.

    They are for an Envoy with an admin interface: without one, Envoy 1.39 and 1.40 crash at the filter.

    Args:
        listeners: As `render_listener` returns them; they stay as they are.
    """
    found = deepcopy(list(listeners))
    for listener in found:
        for chain in listener["filter_chains"]:
            for one in chain["filters"]:
                if one["name"] == HCM:
                    _insert(one["typed_config"]["http_filters"])
    return found


def _insert(filters: list[Json]) -> None:
    names = [one["name"] for one in filters]
    if ADMISSION in names:  # an EnvoyFilter may have removed it
        tap = typed(
            "envoy.filters.http.tap",
            "extensions.filters.http.tap.v3.Tap",
            common_config={"admin_config": {"config_id": CONFIG_ID}},
            record_headers_received_time=True,
            record_downstream_connection=True,
        )
        filters.insert(names.index(ADMISSION) + 1, tap)
