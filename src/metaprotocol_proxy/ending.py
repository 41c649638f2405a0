"""How a relayed connection ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_proxy.address import reason_of
from metaprotocol_proxy.exchange import bug_in
from metaprotocol_sdk import Codec, Direction, ErrorType, MetaProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

_SENDERS = {Direction.TO_SERVER: "client", Direction.TO_CLIENT: "server"}


class Ending:
    """What is known of how a connection ends; what came first is what ended it.

    Args:
        codec: What reads the messages, if anything does.
        report: Called with one sentence for each thing that went wrong.
    """

    def __init__(self, codec: Codec | None, report: Callable[[str], None]) -> None:
        self._codec = codec
        self._report = report
        self.reason = ""
        """What ended it, for a person; empty while it has not ended."""
        self.client_gone = False
        """Whether nothing can be said to the client any more."""
        self.client_broke = False
        """Whether the client sent what cannot be followed."""
        self.server_left = False
        """Whether the server ended it."""
        self.lost = ErrorType.UPSTREAM_RESET
        """What the client is told of its requests that wait."""

    def because(self, reason: str) -> None:
        """Note what ends it, unless something else did."""
        self.reason = self.reason or reason

    def fail(self, reason: str) -> None:
        """Note and report what ends it."""
        self.because(reason)
        self._report(reason)

    def close(self, sender: Direction) -> None:
        """Note that one side, the sender of this direction, has said all."""
        self._leave(sender, f"the {_SENDERS[sender]} closed the connection")

    def reset(self, sender: Direction, error: Exception) -> None:
        """Note that one side, the sender of this direction, is gone."""
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        self._leave(sender, f"the {_SENDERS[sender]} reset the connection ({reason})")
        if sender is Direction.TO_SERVER:
            self.client_gone = True

    def breaks(self, sender: Direction, error: Exception) -> None:
        """Note and report that one side, the sender of this direction, cannot be followed."""
        if sender is Direction.TO_CLIENT:
            self.lost = ErrorType.BAD_RESPONSE
        else:
            self.client_broke = True
        if self._codec is None or isinstance(error, MetaProtocolError):
            what = f"the {_SENDERS[sender]} sent what cannot be followed: {error}"
        else:
            what = f"{bug_in(self._codec, error)} on what the {_SENDERS[sender]} sent"
        self.because(what)
        self._report(f"{what}; the connection ends")

    def _leave(self, sender: Direction, how: str) -> None:
        if sender is Direction.TO_CLIENT and not self.reason:
            self.server_left = True
        self.because(how)
