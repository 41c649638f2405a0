"""The one module that the C half imports."""

from __future__ import annotations

from metaprotocol_envoy.connection import Service
from metaprotocol_envoy.settings import Settings
from metaprotocol_envoy.statistics import IN_FLIGHT, NAMES


def start(text: str) -> tuple[object, ...]:
    """Read a filter's configuration and load its codec.

    Args:
        text: The `filter_config`.

    Returns:
        The service; True if replies keep the order of their requests; `max_in_flight` and `max_held`; the headers of
        requests that never count as properties, by name and by beginning; those of responses; the names of the
        counters and of the gauge.

    Raises:
        SettingsError: The text cannot be used.
        RegistryError: The codec cannot be loaded.
    """
    settings = Settings.parse(text)
    service = Service(settings)
    ignored = [service.request_rules, service.response_rules]
    sets = [sorted(names) for rules in ignored for names in (rules.ignored, rules.ignored_prefixes)]
    return (service, service.in_order, settings.max_in_flight, settings.max_held, *map(tuple, sets), NAMES, IN_FLIGHT)
