"""Envoy's admin interface, over its unix socket."""

import http.client
import json
import socket
import urllib.parse
from pathlib import Path
from typing import Any


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

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self._timeout = timeout

    def get(self, target: str) -> str:
        """Return what a GET answers.

        Raises:
            OSError: The answer is an error, or there is none.
        """
        return self._ask("GET", target)

    def post(self, target: str) -> str:
        """Return what a POST answers.

        Raises:
            OSError: The answer is an error, or there is none.
        """
        return self._ask("POST", target)

    def stats(self, part: str = "") -> dict[str, int]:
        """Return counters and gauges by name.

        Args:
            part: A regular expression that the names match; all by default.
        """
        query = f"&filter={urllib.parse.quote(part)}" if part else ""
        found = json.loads(self.get(f"/stats?format=json{query}"))["stats"]
        return {stat["name"]: stat["value"] for stat in found if isinstance(stat.get("value"), int)}

    def ports(self) -> dict[str, int]:
        """Return where the listeners listen, by name."""
        found: list[dict[str, Any]] = json.loads(self.get("/listeners?format=json")).get("listener_statuses", [])
        return {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in found}

    def _ask(self, method: str, target: str) -> str:
        connection = _Connection(self.path, self._timeout)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(f"the admin interface does not answer {target}: {error!r}") from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise OSError(f"the admin interface answers {target} with {response.status}: {text[:300]}")
        return text
