"""The codecs that names of ports mean."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_mesh.aeraki import codec_name
from metaprotocol_sdk import available_codecs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from metaprotocol_mesh.model import ApplicationProtocol, Object

# The protocols that Istio itself reads from a port's name: grpc is not a slip of trpc.
_ISTIOS = frozenset({"grpc", "http", "http2", "https", "mongo", "mysql", "redis", "tcp", "tls", "udp"})


@frozen
class CodecNames:
    """The codecs that are installed, and the names that ApplicationProtocols give them.

    Args:
        installed: Names of codecs.
        protocols: Names of codecs by those of Aeraki's protocols.
    """

    installed: Collection[str]
    protocols: Mapping[str, str] = field(factory=dict)

    @classmethod
    def here(cls, protocols: Iterable[Object[ApplicationProtocol]] = ()) -> CodecNames:
        """Return the names of the codecs that are installed.

        Args:
            protocols: The ApplicationProtocols of a configuration.
        """
        named = {one.spec.protocol: codec_name(one.spec.codec) for one in protocols}
        return cls(frozenset(info.name for info in available_codecs()), named)

    def of_port(self, name: str) -> str:
        """Return the codec that a port's name means; "" if it means none.

        Args:
            name: `http-<codec>`, or Aeraki's `tcp-metaprotocol-<protocol>`; more may follow after a `-`. The longest
                name that is installed wins.
        """
        for prefix in ("tcp-metaprotocol-", "http-"):
            if name.startswith(prefix):
                parts = name.removeprefix(prefix).split("-")
                for end in range(len(parts), 0, -1):
                    word = "-".join(parts[:end])
                    word = self.protocols.get(word, word)
                    if word in self.installed:
                        return word
        return ""

    def hint(self, name: str) -> str:
        """Return what would be right for a name that means no codec.

        Args:
            name: Of a port or of a codec.
        """
        word = name.removeprefix("tcp-metaprotocol-").removeprefix("http-").removeprefix("tcp-")
        close = [] if word.split("-")[0] in _ISTIOS else get_close_matches(word, self.installed, 1, 0.6)
        if close:
            return f"did you mean http-{close[0]}?"
        return f"name it http-<codec>; codecs that are installed: {', '.join(sorted(self.installed))}"
