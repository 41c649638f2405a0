"""The interface of another package to the benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

Found = tuple[int, str, str, dict[str, str]]
"""The facts of a request that a mesh needs: id, interface, method, attachments."""


@frozen
class Peer:
    """Another package, used as its documentation or its source suggests.

    What it cannot do is a string that says why.

    Args:
        name: The name of its distribution.
        decode: Reads a whole request.
        mutate: Sets an attachment of a whole request, given its key and value: reads it and writes it again.
        error_reply: Given an id and a text, writes a response of status SERVER_ERROR.
        framing: Given chunks of a stream, returns the messages in it.
    """

    name: str
    decode: Callable[[bytes], Found]
    mutate: Callable[[bytes, str, str], bytes] | str
    error_reply: Callable[[int, str], bytes] | str
    framing: Callable[[list[bytes]], list[bytes]] | str
