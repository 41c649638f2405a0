"""Brings changed files to a running Envoy, in an order in which no request meets what is not there.

New clusters come before the routes that lead to them, and old ones go after. Envoy tells what it has taken: each file
has a version, which Envoy has in its statistics once the file is in force.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_mesh.files import in_order, write_file
from metaprotocol_mesh.render import resources
from metaprotocol_mesh.render.listeners import HCM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from metaprotocol_mesh.render.pieces import Json
    from metaprotocol_mesh.running.admin import Admin
    from metaprotocol_mesh.running.envoy import EnvoyProcess

PATIENCE = 60.0
"""Seconds that Envoy has to take a file: codecs are imported then, and names of servers looked up."""
_POLL = 0.01

LISTENERS, CLUSTERS = "listeners.json", "clusters.json"
_LDS, _CDS = "listener_manager.lds.", "cluster_manager.cds."
_WARMING = "^(listener_manager.total_listeners_warming|cluster_manager.warming_clusters)$"
_STARTED = "listener_manager.workers_started"
_DRAINS = " (its open connections drain)"  # Envoy replaces a listener whose filters are others


class Refused(Exception):
    """Envoy does not take a file; the text is its reason."""


def changed_names(old: dict[str, Json], new: dict[str, Json]) -> list[str]:
    """Return the names of files that differ, or that only one side has.

    Args:
        old: Files by name.
        new: Files by name.
    """
    return in_order(name for name in {*old, *new} if old.get(name) != new.get(name))


def describe(old: dict[str, Json], new: dict[str, Json]) -> list[str]:
    """Return what differs between two sets of files, as a person calls it.

    Args:
        old: Files by name.
        new: Files by name.
    """
    found = []
    for name in reversed(changed_names(old, new)):
        if name in (LISTENERS, CLUSTERS):
            word = name.removesuffix("s.json")
            before, after = _by_name(old.get(name)), _by_name(new.get(name))
            for one in sorted({*before, *after}):
                if one not in before or one not in after:
                    found.append(f"{word} {one} {'added' if one in after else 'removed'}")
                elif before[one] != after[one]:
                    found.append(f"{word} {one}" + (_DRAINS if name == LISTENERS else ""))
        elif name in old and name in new:
            kind, _, _ = name.partition(".")
            found.append(f"{kind} of {_resource(new[name])}")
    return found


@frozen
class Applier:
    """Brings files to an Envoy.

    Args:
        folder: Where it reads them.
        admin: Asks it.
        envoy: Its process.
    """

    folder: Path
    admin: Admin
    envoy: EnvoyProcess

    def wait_started(self, files: dict[str, Json]) -> None:
        """Wait until Envoy accepts connections.

        Args:
            files: What it has started with.

        Raises:
            Refused: It does not take a file.
            EnvoyDied: It has ended.
        """
        self._wait("to start", self._admin_answers)
        self._wait("to start", lambda: self.admin.stats(f"^{_STARTED}$").get(_STARTED) == 1)
        self._wait_taken(files, 0, {}, [CLUSTERS, LISTENERS])

    def apply(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        """Bring files to Envoy. If it does not take one, or one cannot be written, those before are restored.

        Args:
            old: What is in force.
            new: What is to be.

        Raises:
            Refused: Envoy does not take a file.
            OSError: A file cannot be written.
            EnvoyDied: It has ended.
        """
        try:
            self._apply(old, new)
        except (Refused, OSError):
            both = _both_clusters(old, new)
            names = [name for name in changed_names(old, new) if name in old]
            self._write(new, {**old, CLUSTERS: both}, names)
            self._write({**new, CLUSTERS: both}, old, names)
            self._remove(new, old)
            raise

    def _apply(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        names = changed_names(old, new)
        both = _both_clusters(old, new)
        # 1: servers, and clusters beside the old ones. A new cluster's endpoints are read when the cluster comes.
        endpoints = [name for name in names if name.startswith("endpoints.") and name in new]
        self._put(old, new, endpoints)
        if both != old[CLUSTERS]:
            self._put(old, {**new, CLUSTERS: both}, [CLUSTERS])
        # 2: routes that are there, then listeners; a new listener's routes are read when the listener comes.
        routes = [name for name in names if name.startswith("routes.") and name in new]
        self._put(old, new, routes)
        self._put(old, new, [name for name in names if name == LISTENERS])
        # 3: nothing leads to the old clusters any more.
        if both != new[CLUSTERS]:
            self._put({**old, CLUSTERS: both}, new, [CLUSTERS])
        self._remove(old, new)

    def _put(self, old: dict[str, Json], new: dict[str, Json], names: list[str]) -> None:
        if not names:
            return
        mark = self.envoy.mark()
        # What Envoy does not read yet has no version there.
        awaited = [name for name in names if name in old and _prefix(name, old) == _prefix(name, new) != ""]
        before = self._rejections(new, awaited)
        self._write(old, new, names)
        self._wait_taken(new, mark, before, awaited)

    def _write(self, old: dict[str, Json], new: dict[str, Json], names: Iterable[str]) -> None:
        for name in names:
            write_file(self.folder / name, new[name])

    def _remove(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        for name in old.keys() - new.keys():
            (self.folder / name).unlink(missing_ok=True)

    def _rejections(self, files: dict[str, Json], names: list[str]) -> dict[str, int]:
        prefixes = [_prefix(name, files) for name in names]
        return {prefix: _refusals(self._versions(prefixes), prefix) for prefix in prefixes}

    def _versions(self, prefixes: Iterable[str]) -> dict[str, int | str]:
        either = "|".join(map(re.escape, prefixes))
        return self.admin.stats(f"^({either})(version_text|update_rejected|update_failure)$") if either else {}

    def _wait_taken(self, files: dict[str, Json], mark: int, before: dict[str, int], names: list[str]) -> None:
        awaited = {_prefix(name, files): files[name]["version_info"] for name in names}

        def taken() -> bool:
            found = self._versions(awaited)
            for prefix in awaited:
                if _refusals(found, prefix) > before.get(prefix, 0):
                    raise Refused(self._reason(mark))
            return all(found.get(f"{prefix}version_text") == version for prefix, version in awaited.items())

        self._wait(f"to take {', '.join(names)}", taken)
        self._wait("to make what is new ready", lambda: not any(self.admin.stats(_WARMING).values()))

    def _reason(self, mark: int) -> str:
        """Return the reason that Envoy logs, after it has counted the refusal."""
        end = time.monotonic() + 2
        while not (reason := self.envoy.rejection(mark)) and time.monotonic() < end:
            time.sleep(_POLL)
        return reason or "it does not say why"

    def _admin_answers(self) -> bool:
        try:
            self.admin.get("/ready")
        except OSError:
            # It answers 503 until all is initialized.
            return False
        return True

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            self.envoy.check()
            try:
                if holds():
                    return
            except OSError:
                self.envoy.check()
            if time.monotonic() > end:
                raise Refused(f"Envoy needs more than {PATIENCE:g} s {what}")
            time.sleep(_POLL)


def _refusals(found: dict[str, int | str], prefix: str) -> int:
    return sum(int(found.get(f"{prefix}{name}", 0)) for name in ("update_rejected", "update_failure"))


def _by_name(content: Json | None) -> dict[str, Json]:
    return {one["name"]: one for one in content["resources"]} if content is not None else {}


def _resource(content: Json) -> str:
    (one,) = content["resources"]
    name: str = one.get("name") or one["cluster_name"]
    return name


def _both_clusters(old: dict[str, Json], new: dict[str, Json]) -> Json:
    """Return the new clusters, and those of the old ones that are no longer there."""
    before, after = _by_name(old[CLUSTERS]), _by_name(new[CLUSTERS])
    gone = [one for name, one in before.items() if name not in after]
    return resources([*after.values(), *gone]) if gone else new[CLUSTERS]


def _prefix(name: str, files: dict[str, Json]) -> str:
    """Return the beginning of the names of the statistics about a file; "" if Envoy does not read it."""
    if name in (LISTENERS, CLUSTERS):
        return _LDS if name == LISTENERS else _CDS
    resource = _resource(files[name])
    if name.startswith("endpoints."):
        return f"cluster.{_stat_name(resource)}." if resource in _by_name(files[CLUSTERS]) else ""
    for one in _by_name(files[LISTENERS]).values():
        for network_filter in one["filter_chains"][0]["filters"]:
            config = network_filter["typed_config"]
            if network_filter["name"] == HCM and config["rds"]["route_config_name"] == resource:
                return f"http.{_stat_name(config['stat_prefix'])}.rds.{_stat_name(resource)}."
    return ""


def _stat_name(name: str) -> str:
    return name.replace(":", "_")
