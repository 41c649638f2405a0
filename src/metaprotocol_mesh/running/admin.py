"""Envoy's admin interface, over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 30.0
"""Seconds that an answer may take: Envoy's main thread answers, which also loads codecs."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Admin:
    """Asks one Envoy.

    Args:
        path: The unix socket.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._timeout = timeout

    def get(self, target: str) -> str:
        """Return the answer to a GET.

        Args:
            target: The path and the query.

        Raises:
            OSError: Envoy does not answer, or answers with an error.
        """
        return self._ask("GET", target)

    def post(self, target: str) -> str:
        """Return the answer to a POST.

        Args:
            target: The path and the query.

        Raises:
            OSError: Envoy does not answer, or answers with an error.
        """
        return self._ask("POST", target)

    def stats(self, pattern: str = "") -> dict[str, int | str]:
        """Return counters, gauges and texts by name.

        Args:
            pattern: A regular expression that a part of the name matches; all by default.

        Raises:
            OSError: Envoy does not answer, or answers with an error.
        """
        return {one["name"]: one["value"] for one in self._stats(pattern) if "name" in one}

    def quantiles(self, pattern: str, wanted: tuple[float, ...]) -> dict[str, list[float | None]]:
        """Return quantiles of the histograms since the start, by name; None where nothing was measured.

        Args:
            pattern: A regular expression that a part of the name matches.
            wanted: Percents, of those that Envoy computes: 50 and 99 among them.

        Raises:
            OSError: Envoy does not answer, or answers with an error.
        """
        for one in self._stats(pattern):
            if "histograms" in one:
                found = one["histograms"]
                places = [found["supported_quantiles"].index(percent) for percent in wanted]
                return {
                    histogram["name"]: [histogram["values"][place]["cumulative"] for place in places]
                    for histogram in found["computed_quantiles"]
                }
        return {}

    def _stats(self, pattern: str) -> list[dict[str, Any]]:
        query = f"&filter={urllib.parse.quote(pattern)}" if pattern else ""
        found: list[dict[str, Any]] = json.loads(self.get(f"/stats?format=json{query}"))["stats"]
        return found

    def _ask(self, method: str, target: str) -> str:
        connection = _Connection(self.path, self._timeout)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(f"Envoy's admin interface does not answer {target}: {error!r}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise OSError(f"Envoy's admin interface answers {target} with {response.status}: {text[:300]}")
        return text
