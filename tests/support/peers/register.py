"""The peers that really ran, for the table at the end of the log."""

from collections import Counter
from typing import NamedTuple


class Peer(NamedTuple):
    """One program in one role."""

    name: str
    version: str
    role: str


_calls: Counter[Peer] = Counter()


def count_calls(name: str, version: str, role: str, calls: int = 1) -> None:
    """Note that a peer has exchanged bytes with another.

    Args:
        name: The program.
        version: Its version.
        role: "client" or "server".
        calls: How many calls it made or answered.
    """
    if calls:
        _calls[Peer(name, version, role)] += calls


def table() -> list[str]:
    """Return the lines of a table of the peers that ran; none if none did."""
    if not _calls:
        return []
    rows = [("peer", "version", "role", "calls"), *((*peer, str(calls)) for peer, calls in sorted(_calls.items()))]
    *widths, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    return ["  ".join([*map(str.ljust, texts, widths), calls.rjust(last)]) for *texts, calls in rows]
