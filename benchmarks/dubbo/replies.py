"""The answer to a request in the provider's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.dubbo.messages import SMALL, batch
from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.peers import available_peers
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, Error, ErrorType, Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "error reply"
_TEXT = "no healthy upstream"


def task() -> Task:
    """Return the task of building error replies."""
    codec = DubboCodec()
    error = Error(ErrorType.UNSPECIFIED, _TEXT, code=80)

    def requests(number: int) -> list[Metadata]:
        return [codec.decode(call.message, Direction.TO_SERVER) for call in batch(SMALL, number)]

    def check(request: Metadata, written: bytes) -> None:
        _compare(request.request_id, written)

    lanes = [Lane(SMALL.name, OURS, requests, lambda request: codec.on_error(request, error), check)]
    cannot = {}
    for peer in available_peers():
        if isinstance(peer.error_reply, str):
            cannot[SMALL.name, peer.name] = peer.error_reply
        else:
            lanes.append(_lane(peer.name, peer.error_reply))
    return Task("dubbo", NAME, "message", lanes, cannot)


def _lane(name: str, error_reply: Callable[[int, str], bytes]) -> Lane:
    def ids(number: int) -> list[int]:
        return [call.request_id for call in batch(SMALL, number)]

    return Lane(SMALL.name, name, ids, lambda request_id: error_reply(request_id, _TEXT), _compare)


def _compare(request_id: int, written: bytes) -> None:
    expected = b"\xda\xbb\x02\x50" + request_id.to_bytes(8) + (len(_TEXT) + 1).to_bytes(4)
    if written != expected + bytes((len(_TEXT),)) + _TEXT.encode():
        raise WrongAnswerError("writes another reply")
