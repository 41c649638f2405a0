"""The module's pieces of Envoy's configuration."""

import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from live_envoy.config import UPSTREAM_CODEC, Config, address, cluster, http_connection_manager, http_options, typed

import metaprotocol_envoy
from metaprotocol_envoy import LibpythonNotFound, ModuleNotBuilt, filter_config, module_path, python_filter_config
from metaprotocol_envoy.fit import expected_digest

MARK = {"filter_metadata": {"metaprotocol": {"bridge": "codec"}}}
"""The metadata of a cluster that has the bridge."""


@cache
def built_module() -> Path:
    """Return the dynamic module, built from today's sources; the test is skipped if nothing here can."""
    package = Path(metaprotocol_envoy.__file__).parent
    with suppress(ModuleNotBuilt):
        built = module_path()
        if expected_digest().encode() in built.read_bytes():
            return built
    output = package / "libmetaprotocol_envoy.so"
    command = [sys.executable, str(package.parents[1] / "native" / "compile.py"), "module", str(output)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert not made.returncode or "NoCompiler" in made.stderr, made.stderr
    if made.returncode:
        from required import require  # the benchmarks have no pytest

        require("compiler", f"the engine's module cannot be built: {made.stderr.strip().splitlines()[-1]}")
    return module_path()


def module() -> Config:
    """Return the module's place in the configuration of an extension."""
    return {"module": {"local": {"filename": str(built_module())}}, "do_not_close": True}


def text(value: str) -> Config:
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value}


def codec_filter_config(codec: str, **settings: Any) -> str:
    """Return the configuration of a codec; the test is skipped if this Python cannot run in Envoy."""
    try:
        return filter_config(codec=codec, **settings)
    except LibpythonNotFound as error:
        from required import require  # the benchmarks have no pytest

        require("libpython", str(error))


def codec_filter(codec: str, **settings: Any) -> Config:
    """Return the network filter that turns messages into HTTP/2."""
    return typed(
        "metaprotocol",
        "extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
        dynamic_module_config=module(),
        filter_name="codec",
        filter_config=text(codec_filter_config(codec, **settings)),
        terminal_filter=False,
    )


def listener_filter(codec: str) -> Config:
    """Return the listener filter that tells a protocol by its first bytes."""
    return typed(
        "metaprotocol",
        "extensions.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter",
        dynamic_module_config=module(),
        filter_name="codec",
        filter_config=text(codec_filter_config(codec)),
    )


def http_filter(name: str, config: str = "") -> Config:
    """Return an HTTP filter of the module."""
    return typed(
        f"metaprotocol.{name}",
        "extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
        dynamic_module_config=module(),
        filter_name=name,
        filter_config=text(config),
    )


def python_filter(name: str, config: str = "") -> Config:
    """Return an HTTP filter in Python."""
    return http_filter("python", python_filter_config(name, config))


def bridge_options(*filters: Config, **fields: Any) -> Config:
    """Return the field of a cluster with the bridge that has its options of HTTP, which hold for TCP, too.

    Args:
        filters: HTTP filters of the cluster, after ours.
        fields: More of the options.
    """
    return http_options(http_filters=[http_filter("attempt"), *filters, UPSTREAM_CODEC], **fields)


def bridged(name: str, *ports: int, **fields: Any) -> Config:
    """Return a cluster whose servers speak the protocol."""
    bridge = typed(
        "envoy.upstreams.http.dynamic_modules",
        "extensions.upstreams.http.dynamic_modules.v3.Config",
        dynamic_module_config=module(),
        bridge_name="codec",
    )
    return cluster(name, *ports, **{"metadata": MARK, "upstream_config": bridge, **bridge_options(), **fields})


def codec_listener(
    codec: str,
    routes: list[Config],
    *filters: Config,
    name: str = "in",
    hcm: Config | None = None,
    listener: Config | None = None,
    **settings: Any,
) -> Config:
    """Return a listener for a protocol.

    Args:
        codec: The codec's name, or "module:Class".
        routes: Of its only virtual host.
        filters: HTTP filters between admission and router.
        name: The listener's.
        hcm: More fields of the HTTP connection manager.
        listener: More fields of the listener.
        settings: Of the codec filter.
    """
    manager = http_connection_manager(
        routes,
        http_filter("admission"),
        *filters,
        **{"codec_type": "HTTP2", "generate_request_id": False, **(hcm or {})},
    )
    return {
        "name": name,
        "address": address(0),
        "filter_chains": [{"filters": [codec_filter(codec, **settings), manager]}],
        **(listener or {}),
    }
