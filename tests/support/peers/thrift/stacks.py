"""The combinations of protocol, transport and library that are tested, and why others are left out."""

from collections.abc import Iterator, Sequence
from itertools import product

from attrs import Factory, frozen

PROTOCOLS = ("binary", "compact", "json")
TRANSPORTS = ("buffered", "framed", "header", "header+zlib")
"""Buffered is unframed; header is THeader."""


@frozen
class Stack:
    """A protocol over a transport.

    Args:
        protocol: One of PROTOCOLS.
        transport: One of TRANSPORTS.
        option: "nonstrict", "multiplexed" or "".
    """

    protocol: str
    transport: str
    option: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.protocol, self.transport, self.option)))

    @property
    def has_headers(self) -> bool:
        """True if messages carry info headers."""
        return self.transport.startswith("header")

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments of the programs: protocol, transport, and options with commas between them."""
        transport, _, transform = self.transport.partition("+")
        return self.protocol, transport, ",".join(filter(None, (transform, self.option))) or "-"


@frozen
class Combination:
    """A client and a server that speak with each other.

    Args:
        stack: What the client speaks.
        client: Its library's key.
        server: The server's library's key.
        server_stack: What the server speaks, if that is not the same.
    """

    stack: Stack
    client: str
    server: str
    server_stack: Stack = Factory(lambda self: self.stack, takes_self=True)

    def __str__(self) -> str:
        name = f"{self.stack}-{self.client}-to-{self.server}"
        return name if self.server_stack == self.stack else f"{name}-in-{self.server_stack}"


def _combine(stack: Stack, pairs: str) -> Iterator[Combination]:
    for pair in pairs.split():
        client, _, server = pair.partition(">")
        yield Combination(stack, client, server)


_PAIRS = {
    Stack("binary", "buffered"): "python>node node>thriftpy2 thriftpy2>go go>java java>cpp cpp>python",
    Stack("binary", "framed"): "python>thriftpy2 thriftpy2>node node>go go>cpp cpp>java java>python",
    Stack("compact", "buffered"): "python>go go>node node>java java>thriftpy2 thriftpy2>cpp cpp>python",
    Stack("compact", "framed"): "python>java java>go go>thriftpy2 thriftpy2>python node>cpp cpp>node",
    Stack("json", "buffered"): "python>cpp cpp>go go>python node>java java>node thriftpy2>python",
    Stack("json", "framed"): "python>go go>cpp cpp>java java>python node>python thriftpy2>node",
    Stack("binary", "header"): "python>node cpp>go go>cpp go>python",
    Stack("compact", "header"): "python>cpp go>node cpp>python python>go",
    Stack("binary", "header+zlib"): "python>go go>python",
    Stack("compact", "header+zlib"): "go>go python>python go>python",
}
COMBINATIONS = [combination for stack, pairs in _PAIRS.items() for combination in _combine(stack, pairs)]

_NONSTRICT_PAIRS = {
    Stack("binary", "buffered", "nonstrict"): "python>go go>node node>java thriftpy2>cpp",
    Stack("binary", "framed", "nonstrict"): "java>python cpp>thriftpy2 node>go",
}
NONSTRICT = [combination for stack, pairs in _NONSTRICT_PAIRS.items() for combination in _combine(stack, pairs)]

_MULTIPLEXED_PAIRS = {
    Stack("binary", "buffered", "multiplexed"): "python>java node>go",
    Stack("binary", "framed", "multiplexed"): "java>thriftpy2 cpp>python",
    Stack("compact", "framed", "multiplexed"): "go>cpp thriftpy2>node",
    Stack("json", "framed", "multiplexed"): "python>go",
    Stack("compact", "header", "multiplexed"): "go>python",
}
MULTIPLEXED = [combination for stack, pairs in _MULTIPLEXED_PAIRS.items() for combination in _combine(stack, pairs)]

# C++ answers in the protocol of its own that THeader was made with, and all clients go on in that.
CHANGING = [
    Combination(Stack("compact", "header"), "go", "cpp", Stack("binary", "header")),
    Combination(Stack("binary", "header"), "python", "cpp", Stack("compact", "header")),
    Combination(Stack("compact", "header"), "cpp", "cpp", Stack("binary", "header")),
]


@frozen
class LeftOut:
    """A combination that is not spoken. None holds for all.

    Args:
        reason: Why not.
        protocol: One of PROTOCOLS.
        transports: Of TRANSPORTS.
        libraries: By their keys.
        role: "client" or "server".
    """

    reason: str
    protocol: str | None = None
    transports: Sequence[str] = TRANSPORTS
    libraries: Sequence[str] | None = None
    role: str | None = None

    def covers(self, protocol: str, transport: str, library: str, role: str) -> bool:
        """Return True if this is why a library does not speak a protocol over a transport in a role."""
        return (
            self.protocol in (None, protocol)
            and transport in self.transports
            and (self.libraries is None or library in self.libraries)
            and self.role in (None, role)
        )


_HEADER = ("header", "header+zlib")
LEFT_OUT = [
    LeftOut("THeader knows binary and compact only", protocol="json", transports=_HEADER),
    LeftOut("Java's library and thriftpy2 have no THeader", transports=_HEADER, libraries=("java", "thriftpy2")),
    LeftOut(
        "Node's client, asked for THeader, sends plain unframed messages",
        transports=_HEADER,
        libraries=("node",),
        role="client",
    ),
    LeftOut("Node's THeader refuses transforms", transports=("header+zlib",), libraries=("node",), role="server"),
    LeftOut("C++ 0.17 corrupts its own memory when it compresses", transports=("header+zlib",), libraries=("cpp",)),
    LeftOut(
        "thriftpy2's server answers the first JSON message of a connection for ever",
        protocol="json",
        libraries=("thriftpy2",),
        role="server",
    ),
]


def choices(libraries: Sequence[str], roles: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Return every protocol, transport, library and role."""
    return product(PROTOCOLS, TRANSPORTS, libraries, roles)
