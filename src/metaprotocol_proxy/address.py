"""Where to listen, and where to connect."""

from __future__ import annotations

import os
import re
import socket

from attrs import frozen

_FORM = re.compile(r"(?:(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\s:\[\]]*)):)?(?P<port>[0-9]{1,5})")


@frozen
class Address:
    """A host and a TCP port.

    Args:
        host: A name or an IP address.
        port: 0 to 65535; 0 lets the system choose a free one to listen on.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, host: str = "127.0.0.1") -> Address:
        """Read `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`.

        Args:
            text: What a person typed.
            host: The host that is meant where none is named.

        Raises:
            ValueError: It is none of these.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no address: expected HOST:PORT, [IPV6]:PORT or PORT")
        port = int(match["port"])
        if port > 0xFFFF:
            raise ValueError(f"{text!r} is no address: the port {port} is over 65535")
        name = match["six"] or match["host"] or host
        try:
            name.encode("idna")  # as the system will be asked for it
        except UnicodeError as error:
            raise ValueError(f"{text!r} is no address: {name} is no host name") from error
        return cls(name, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def reason_of(error: OSError) -> str:
    """Return why an address cannot be used, in the system's words; asyncio's own say less."""
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)
