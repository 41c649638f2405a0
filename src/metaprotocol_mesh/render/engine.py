"""The parts of the configuration that the engine reads: its filters, its bridge, and what marks a cluster as its own.

Nothing else in this package knows the names of the module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from metaprotocol_envoy import Settings, SettingsError, interpreter_config, module_path
from metaprotocol_mesh.places import ConfigurationError, Problem
from metaprotocol_mesh.render.pieces import Json, http_options, typed
from metaprotocol_sdk import load_codec_class

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from metaprotocol_mesh.resolved import Listener

_NAME = "metaprotocol"
ADMISSION = f"{_NAME}.admission"
"""The name of the first HTTP filter."""

MOST_HEADERS = 256
MOST_HEADERS_SIZE = 256 * 1024
"""Headers of a request, and their bytes, whatever a codec's limits are: Envoy's matching costs by each of them."""
HEADERS_OF_ENVOY = 20
HEADERS_SIZE_OF_ENVOY = 12 * 1024
"""Room for pseudo headers, the module's own, and those that filters add."""


@frozen
class HeaderLimits:
    """The bounds of the codec filter's headers, which the HCM must not refuse.

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


@frozen
class Engine:
    """The engine that will read a configuration.

    Args:
        module: The dynamic module.
        interpreter: What it is told of the interpreter, besides its settings.
        code: Classes ("package.module:Class") and folders with a copy of their code, by the codec's name. Codecs that
            are not there are loaded as they are installed.
    """

    module: str
    interpreter: str
    code: Mapping[str, tuple[str, str]] = field(factory=dict)

    @classmethod
    def installed(cls) -> Engine:
        """Return the engine that is installed here.

        Raises:
            ModuleNotBuilt: It is not.
            LibpythonNotFound: This Python has no shared library.
        """
        return cls(str(module_path()), interpreter_config())

    @classmethod
    def below(cls, home: PurePosixPath) -> Engine:
        """Return the engine of a folder in a container, which has the module, Python and the codecs under fixed names.

        Args:
            home: The folder.
        """
        interpreter = f"libpython = {home}/libpython.so\nhome = {home}/python\npath = {home}/packages"
        return cls(f"{home}/packages/metaprotocol_envoy/libmetaprotocol_envoy.so", interpreter)

    @classmethod
    def absent(cls) -> Engine:
        """Return an engine for configurations that are looked at, and that no Envoy reads."""
        return cls("libmetaprotocol_envoy.so", "")

    def codec_filter(self, listener: Listener, incomplete: str) -> Json:
        """Return the network filter that turns messages into HTTP/2.

        Args:
            listener: Its listener.
            incomplete: "refuse" or "pass" messages whose properties may lack some.

        Raises:
            ConfigurationError: A setting of the listener's annotations cannot be used.
        """
        return typed(
            _NAME,
            "extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
            dynamic_module_config=self._module(),
            filter_name="codec",
            filter_config=_text(self._settings(listener, incomplete)),
            terminal_filter=False,
        )

    def listener_filter(self, listener: Listener) -> Json:
        """Return the listener filter that tells the protocol by its first bytes, for a port that others use, too.

        Args:
            listener: Its listener.

        Raises:
            ConfigurationError: A setting of the listener's annotations cannot be used.
        """
        return typed(
            f"{_NAME}.detect",
            "extensions.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter",
            dynamic_module_config=self._module(),
            filter_name="codec",
            filter_config=_text(self._settings(listener, "refuse")),
        )

    def admission_filter(self) -> Json:
        """Return the first HTTP filter.

        It admits requests of ours, strips the module's headers from all others, and tells local replies by their cause.
        """
        return self._http_filter(ADMISSION, "admission")

    def python_filter(self, name: str, config: str) -> Json:
        """Return an HTTP filter in Python.

        Args:
            name: An entry point of the group `metaprotocol.filters`, or "module:Class".
            config: What it is made with; one line.
        """
        lines = filter(None, (self.interpreter, f"filter = {name}", f"config = {config}"))
        return self._http_filter(f"{_NAME}.{name}", "python", "\n".join(lines))

    def bridge(self) -> Json:
        """Return the fields of a cluster whose servers speak a codec's protocol."""
        last = typed("envoy.filters.http.upstream_codec", "extensions.filters.http.upstream_codec.v3.UpstreamCodec")
        return {
            "metadata": {"filter_metadata": {_NAME: {"bridge": "codec"}}},
            "upstream_config": typed(
                "envoy.upstreams.http.dynamic_modules",
                "extensions.upstreams.http.dynamic_modules.v3.Config",
                dynamic_module_config=self._module(),
                bridge_name="codec",
            ),
            "typed_extension_protocol_options": http_options(
                "http", http_filters=[self._http_filter(f"{_NAME}.attempt", "attempt"), last]
            ),
        }

    def _settings(self, listener: Listener, incomplete: str) -> str:
        limits = HeaderLimits.of(listener.codec)
        settings: dict[str, Any] = {
            "codec": listener.codec,
            "authority": listener.authority,
            "incomplete": incomplete,
            "max_headers": limits.count,
            "max_headers_size": limits.size,
        }
        if listener.codec in self.code:
            settings["codec"], settings["code"] = self.code[listener.codec]
        if listener.authority_property:
            settings["authority_property"] = listener.authority_property
        for name, value in listener.settings.items():
            settings[name.replace("-", "_")] = value
        text = "\n".join(f"{name} = {value}" for name, value in settings.items())
        try:
            Settings.parse(text)
        except SettingsError as error:
            raise ConfigurationError([Problem(listener.place, f"annotation metaprotocol.io/*: {error}")]) from error
        return "\n".join(filter(None, (self.interpreter, text)))

    def _http_filter(self, name: str, kind: str, config: str = "") -> Json:
        return typed(
            name,
            "extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            dynamic_module_config=self._module(),
            filter_name=kind,
            filter_config=_text(config),
        )

    def _module(self) -> Json:
        return {"module": {"local": {"filename": self.module}}, "do_not_close": True}


def codec_filter_of(listener: Json) -> Json:
    """Return the codec filter of a listener, as it was rendered or as Envoy's dump has it."""
    filters: list[Json] = listener["filter_chains"][0]["filters"]
    return next(one for one in filters if one["name"] == _NAME)


def _text(value: str) -> Json:
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value}
