"""The facts that all connections of one codec filter share."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from metaprotocol_envoy.changes import HeaderRules
from metaprotocol_envoy.detect import Detection, detect
from metaprotocol_envoy.log import report_bug
from metaprotocol_envoy.settings import SettingsError
from metaprotocol_envoy.upstream_ids import request_ids, stream_ids
from metaprotocol_envoy.versions import Version
from metaprotocol_sdk import (
    Capability,
    Codec,
    Correlation,
    HeaderLength,
    LengthField,
    UnsupportedMutation,
    UpstreamConnection,
    load_codec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.settings import Settings
    from metaprotocol_sdk import MessageDecoder, Metadata


class Service:
    """All that the connections of one codec filter share.

    Args:
        settings: The settings of the filter.

    Raises:
        SettingsError: The codec needs what is not built yet, or its code is not in the folder.
        RegistryError: The codec cannot be loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self.version = Version(settings.code, settings.codec) if settings.code else None
        codec = load_codec(self.version.target if self.version else settings.codec)
        missing = _not_built(codec)
        if missing:
            raise SettingsError(f"the codec {codec.name!r} cannot run in Envoy yet: {missing}")
        self.codec = codec
        self.settings = settings
        mutable = Capability.REQUEST_MUTATION in codec.capabilities
        self.request_rules = HeaderRules.of(settings.propagate, mutable=mutable)
        self.response_rules = HeaderRules.of((), mutable=False)
        self.in_order = codec.ordered_replies or codec.correlation is not Correlation.ID
        self.one_by_one = (
            codec.upstream_connection is UpstreamConnection.ORDERED or codec.correlation is Correlation.SERIAL
        )
        self.stateless = _is_stateless(codec)
        # Where the framing is data alone, a decoder between two messages is as good as a new one.
        reusable = self.stateless and isinstance(codec.framing, (LengthField, HeaderLength))
        self.spare_decoders: list[MessageDecoder] | None = [] if reusable else None
        # The state of a connection may hang on the ids that its client has chosen.
        self.request_ids = request_ids(codec) if self.stateless else None
        self.stream_ids = stream_ids(codec) if self.stateless else None
        self.passes = settings.unsupported_mutation == "pass"

    def authority(self, message: Metadata) -> str:
        """Return the `:authority` of a request: of its property, if that is the name of a host.

        Args:
            message: The request.
        """
        settings = self.settings
        if settings.authority_property:
            value = message.properties.get(settings.authority_property, "")
            if value and value.isascii() and all(char.isalnum() or char in "-._" for char in value):
                return value + settings.authority_suffix
        return settings.authority

    def authority_mutation(self, after: Iterable[tuple[bytes, bytes]]) -> dict[str, str | None]:
        """Return the change of properties that a changed `:authority` means.

        Args:
            after: The headers that came out of Envoy's filters.

        Raises:
            UnsupportedMutation: No property stands for the authority.
        """
        settings = self.settings
        authority = next((value.decode("latin-1") for name, value in after if name == b":authority"), "")
        if not settings.authority_property or not authority.endswith(settings.authority_suffix):
            raise UnsupportedMutation(f"its :authority became {authority!r}, for which no property stands")
        return {settings.authority_property: authority.removesuffix(settings.authority_suffix)}

    def detect(self, head: bytes) -> int:
        """Return whose protocol a connection's first bytes are, a `Detection`."""
        try:
            return detect(self.codec, head)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(self.codec, bug)
            return Detection.OURS  # where the bug will meet it again, and end the connection


def codec_of_connection(codec: Codec) -> Codec:
    """Return the codec of a new connection.

    Args:
        codec: The one of all connections.

    Raises:
        TypeError: The codec returns something else.
    """
    found = codec.for_connection()
    if not isinstance(found, Codec):
        raise TypeError(f"for_connection returns a codec, not {found!r:.60}")
    return found


def _is_stateless(codec: Codec) -> bool:
    """Return True if all connections share the codec; what each attempt of others needs is tried once.

    Raises:
        SettingsError: The codec cannot make one for a connection, or it cannot be copied.
    """
    try:
        found = codec_of_connection(codec)
        if found is not codec:
            copy.deepcopy(found)
    except Exception as bug:
        raise SettingsError(
            f"the codec {codec.name!r} cannot run: its for_connection() must return a codec that copy.deepcopy copies, "
            f"since each attempt has a codec of its own: {type(bug).__name__}: {bug}"
        ) from bug
    return found is codec


def _not_built(codec: Codec) -> str:
    """Return what the codec needs and the module does not have yet, or ""."""
    if codec.server_first:
        return "servers that speak first"
    if codec.upstream_connection is UpstreamConnection.SESSION:
        return f"upstream_connection {codec.upstream_connection.value}"
    return ""
