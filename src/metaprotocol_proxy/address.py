"""TCP addresses as people write them."""

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
        port: 0 to 65535. To listen on port 0 lets the system choose a free one.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, host: str = "127.0.0.1") -> Address:
        """Read `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`.

        Args:
            text: The address as it was typed.
            host: The host to use if the text has none.

        Raises:
            ValueError: The text is not an address. The message says why.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an address: expected HOST:PORT, [IPV6]:PORT or PORT")
        port = int(match["port"])
        if port > 0xFFFF:
            raise ValueError(f"{text!r} is not an address: the port {port} is over 65535")
        name = match["six"] or match["host"] or host
        try:
            name.encode("idna")  # as the resolver will do it
        except UnicodeError as error:
            raise ValueError(f"{text!r} is not an address: {name} is not a valid host name") from error
        return cls(name, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def reason_of(error: OSError) -> str:
    """Return the system's own text for an error, such as "Connection refused".

    asyncio replaces it by a text of its own that says less. A name that cannot be resolved keeps the resolver's text.
    """
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)
