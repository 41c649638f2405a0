"""Envoy's admin interface, as a mesh asks it, and for tests."""

import json
from typing import Any

from metaprotocol_mesh.running import admin


class Admin(admin.Admin):
    """Asks one Envoy, for the numbers that tests look at."""

    def numbers(self, part: str = "") -> dict[str, int]:
        """Return counters and gauges by name.

        Args:
            part: A regular expression that the names match; all by default.
        """
        return {name: value for name, value in self.stats(part).items() if isinstance(value, int)}

    def ports(self) -> dict[str, int]:
        """Return where the listeners listen, by name."""
        found: list[dict[str, Any]] = json.loads(self.get("/listeners?format=json")).get("listener_statuses", [])
        return {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in found}
