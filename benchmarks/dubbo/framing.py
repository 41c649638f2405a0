"""Cutting a stream into messages: many in one chunk, and byte by byte. The messages are cut and not decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.dubbo.messages import BATCH, BINARY, SMALL, Kind, batch
from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.peers import available_peers
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, MessageDecoder, MessageType, Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

COALESCED, BYTEWISE = "cut 64 KB of messages", "cut a message byte by byte"
_BATCHES = 3
"""So many batches of small messages are 64 KB."""


class _Cutter(DubboCodec):
    """Reads nothing, and returns the same `Metadata` for each message: what is left is the cost of framing."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        self.messages.append(message)
        return _NOTHING_READ


_NOTHING_READ = Metadata(b"", MessageType.REQUEST)
_CODEC = _Cutter()


def tasks() -> list[Task]:
    """Return the tasks of cutting streams."""
    coalesced = Task("dubbo", COALESCED, "message", *_lanes(SMALL.name, _coalesced, lambda _: _BATCHES * BATCH))
    small, no_small = _lanes(SMALL.name, lambda number: _bytewise(SMALL, number, BATCH), len)
    large, no_large = _lanes(BINARY.name, lambda number: _bytewise(BINARY, number, 2), len)
    return [coalesced, Task("dubbo", BYTEWISE, "byte", small + large, no_small | no_large)]


def _lanes(
    subject: str, inputs: Callable[[int], list[list[bytes]]], units: Callable[[list[bytes]], int]
) -> tuple[list[Lane], dict[tuple[str, str], str]]:
    lanes = [Lane(subject, OURS, inputs, _cut, _check, units)]
    cannot: dict[tuple[str, str], str] = {}
    for peer in available_peers():
        if isinstance(peer.framing, str):
            cannot[subject, peer.name] = peer.framing
        else:
            lanes.append(Lane(subject, peer.name, inputs, peer.framing, _check, units))
    return lanes, cannot


def _coalesced(number: int) -> list[list[bytes]]:
    calls = [call for part in range(_BATCHES) for call in batch(SMALL, number * _BATCHES + part)]
    return [[b"".join(call.message for call in calls)]]


def _bytewise(kind: Kind, number: int, size: int) -> list[list[bytes]]:
    return [[bytes((byte,)) for byte in call.message] for call in batch(kind, number, size)]


def _cut(chunks: list[bytes]) -> list[bytes]:
    decoder = MessageDecoder(_CODEC, Direction.TO_SERVER)
    _CODEC.messages = []
    for chunk in chunks:
        decoder.feed(chunk)
    return _CODEC.messages


def _check(chunks: list[bytes], found: list[bytes]) -> None:
    if b"".join(found) != b"".join(chunks):
        raise WrongAnswerError("loses or adds bytes")
    if any(len(one) != 16 + int.from_bytes(one[12:16]) for one in found):
        raise WrongAnswerError("cuts elsewhere")
