"""The parts of the configuration that the engine reads: its filters, its bridge, and what marks a cluster as its own.

Nothing else in this package knows the names of the module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from metaprotocol_envoy import SettingsError, filter_config, module_path
from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.render.pieces import Json, typed
from metaprotocol_sdk import load_codec_class

if TYPE_CHECKING:
    from metaprotocol_mesh.resolved import Listener

_NAME = "metaprotocol"

MOST_HEADERS = 256
MOST_HEADERS_SIZE = 256 * 1024
"""Headers of a request, and their bytes, whatever a codec's limits are: Envoy's matching costs by each of them."""
HEADERS_OF_ENVOY = 20
HEADERS_SIZE_OF_ENVOY = 12 * 1024
"""Room for pseudo headers, the module's own, and those that filters add."""


@frozen
class HeaderLimits:
    """What the codec filter lets pass, so that the HCM refuses nothing.

    Args:
        count: Headers of a request.
        size: Their bytes.
    """

    count: int
    size: int

    @classmethod
    def of(cls, codec: str) -> HeaderLimits:
        """Return those that follow from a codec's `Limits`."""
        limits = load_codec_class(codec).default_limits
        return cls(min(limits.max_elements, MOST_HEADERS), min(limits.max_header_size, MOST_HEADERS_SIZE))


def _module() -> Json:
    return {"module": {"local": {"filename": str(module_path())}}, "do_not_close": True}


def _text(value: str) -> Json:
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value}


def codec_filter(listener: Listener, *, judged: bool) -> Json:
    """Return the network filter that turns messages into HTTP/2.

    Args:
        listener: Its listener.
        judged: True if rules that must not fail open apply: incomplete messages are refused then.

    Raises:
        ConfigurationError: A setting of the listener's annotations cannot be used.
    """
    limits = HeaderLimits.of(listener.codec)
    settings: dict[str, Any] = {
        "codec": listener.codec,
        "authority": listener.authority,
        "incomplete": "refuse" if judged or listener.direction != "outbound" else "pass",
        "max_headers": limits.count,
        "max_headers_size": limits.size,
    }
    if listener.authority_property:
        settings["authority_property"] = listener.authority_property
    for name, value in listener.settings.items():
        settings[name.replace("-", "_")] = value
    try:
        text = filter_config(**settings)
    except SettingsError as error:
        raise ConfigurationError([Problem(listener.place, f"annotation metaprotocol.io/*: {error}")]) from error
    return typed(
        _NAME,
        "extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
        dynamic_module_config=_module(),
        filter_name="codec",
        filter_config=_text(text),
        terminal_filter=False,
    )


def admission_filter() -> Json:
    """Return the first HTTP filter: it admits requests of ours, strips the module's headers from all others, and tells
    local replies by their cause.
    """  # noqa: D205 - one sentence
    return typed(
        f"{_NAME}.admission",
        "extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
        dynamic_module_config=_module(),
        filter_name="admission",
        filter_config=_text(""),
    )


def bridge() -> Json:
    """Return the fields of a cluster whose servers speak a codec's protocol."""
    return {
        "metadata": {"filter_metadata": {_NAME: {"bridge": "codec"}}},
        "upstream_config": typed(
            "envoy.upstreams.http.dynamic_modules",
            "extensions.upstreams.http.dynamic_modules.v3.Config",
            dynamic_module_config=_module(),
            bridge_name="codec",
        ),
    }
