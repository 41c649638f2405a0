"""Requests, errors and latencies of a running mesh, from Envoy's statistics."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from attrs import frozen

from metaprotocol_mesh.render.engine import codec_filter_of
from metaprotocol_mesh.running.admin import Admin
from metaprotocol_mesh.running.folders import read_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROUTE = re.compile(r"vhost\.(?P<host>.+)\.route\.(?P<name>.+)\.upstream_rq_(?P<what>\w+)")
_CLUSTER = re.compile(
    # Envoy counts what is external and internal once more.
    r"cluster\.(?P<name>(?:outbound|inbound)\|.+)(?<!\.external)(?<!\.internal)\.upstream_(?P<what>(?:rq|cx)_\w+)"
)
_LISTENER = re.compile(r"http\.(?:outbound|inbound|gateway)_(?P<name>.+)\.downstream_(?P<what>(?:rq|cx)_\w+)")
_WANTED = (
    r"^(vhost|cluster\.(outbound|inbound)|http\.(outbound|inbound|gateway)_)"
    r".*_(rq_(completed|total|[45]xx|time)|cx_active)$"
)
_QUANTILES = (50, 90, 99)


@frozen
class Row:
    """The counts of a listener, a route or a cluster, since Envoy knows it.

    Args:
        name: Of it.
        requests: All that have been answered.
        errors: Those that failed: a status of 400 or more.
        connections: Of clients of a listener, and to servers of a cluster, idle ones included; None for a route.
        p50: Milliseconds; half of the requests took longer. None if there was none.
        p90: Milliseconds; one of ten took longer.
        p99: Milliseconds; one of a hundred took longer. All three are as of the last second, the counts as of now.
    """

    name: str
    requests: int
    errors: int
    connections: int | None
    p50: float | None
    p90: float | None
    p99: float | None


@frozen
class Codec:
    """A codec that serves.

    Args:
        listener: The name of its listener.
        name: The codec's.
        version: The hash of its code.
        release: The version of its distribution; "" if it has none.
        draining: True if only old connections use it, until they end.
    """

    listener: str
    name: str
    version: str
    release: str
    draining: bool


@frozen
class Status:
    """A running mesh.

    Args:
        name: Its name.
        pid: The process id of `metaprotocol mesh run`.
        envoy: That of Envoy.
        paths: Files and folders of the configuration.
        listeners: One row each.
        routes: One row each; the name begins with that of the virtual host.
        clusters: One row each.
        codecs: Those that serve.
    """

    name: str
    pid: int
    envoy: int
    paths: tuple[str, ...]
    listeners: tuple[Row, ...]
    routes: tuple[Row, ...]
    clusters: tuple[Row, ...]
    codecs: tuple[Codec, ...]


def read_status(folder: Path) -> Status:
    """Return what a running mesh does.

    Args:
        folder: One of `running_folders`.

    Raises:
        OSError: Envoy does not answer: the mesh starts or ends.
    """
    facts = read_facts(folder)
    admin = Admin(folder / "admin.sock")
    counts = admin.stats(_WANTED)
    times = admin.quantiles(_WANTED, _QUANTILES)
    dump = json.loads(admin.get("/config_dump?resource=dynamic_listeners"))
    return Status(
        facts.get("name", folder.name),
        facts.get("pid", 0),
        facts.get("envoy", 0),
        tuple(facts.get("paths", ())),
        tuple(_rows(_LISTENER, counts, times)),
        tuple(_rows(_ROUTE, counts, times)),
        tuple(_rows(_CLUSTER, counts, times)),
        tuple(_codecs(dump.get("configs", []), facts)),
    )


def _rows(
    pattern: re.Pattern[str], counts: dict[str, int | str], times: dict[str, list[float | None]]
) -> Iterator[Row]:
    found: dict[str, dict[str, int]] = {}
    latencies: dict[str, list[float | None]] = {}
    for key, value in (*counts.items(), *times.items()):
        match = pattern.fullmatch(key)
        if match is None:
            continue
        name = " ".join(value for group, value in match.groupdict().items() if group != "what")
        what = match["what"].removeprefix("rq_")
        if isinstance(value, list):
            if what == "time":
                latencies[name] = value
        elif isinstance(value, int):
            found.setdefault(name, {})[what] = value
    for name, values in sorted(found.items()):
        p50, p90, p99 = latencies.get(name, [None, None, None])
        errors = values.get("4xx", 0) + values.get("5xx", 0)
        done = values.get("completed", values.get("total", 0))
        yield Row(name, done, errors, values.get("cx_active"), p50, p90, p99)


def _codecs(listeners: list[dict[str, Any]], facts: dict[str, Any]) -> Iterator[Codec]:
    known = facts.get("codecs", {})
    for one in listeners:
        for state in ("active_state", "draining_state"):
            listener = one.get(state, {}).get("listener")
            if listener is None:
                continue
            text = codec_filter_of(listener)["typed_config"]["filter_config"]["value"]
            settings = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
            target, version = settings.get("codec", ""), settings.get("code", "").rpartition("/")[2]
            name = next((name for name, about in known.items() if about["target"] == target), target)
            release = known.get(name, {}).get("release", "")
            yield Codec(listener["name"], name, version, release, state == "draining_state")
