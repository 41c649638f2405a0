"""Finding the end of a message without a frame that comes byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.thrift.messages import PROTOCOLS, STRUCTS, Kind, batch
from benchmarks.thrift.peers import PROTOTYPE, prototype
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

BYTEWISE = "cut byte by byte without frames"
SMALL, LARGE = (
    Kind(name, lambda number, items=items: [STRUCTS.arguments(number)[0][:items]])  # type: ignore[misc]
    for name, items in (("500 B", 5), ("100 KB", 1000))
)


def task() -> Task:
    """Return the task of cutting a stream byte by byte."""
    lanes: list[Lane] = []
    for protocol in PROTOCOLS:
        for kind, size in ((SMALL, 64), (LARGE, 1)):
            lane = Lane(f"{protocol}, {kind.name}", OURS, _inputs(kind, protocol, size), _ours, _check, len)
            lanes.append(lane)
            if prototype() is not None:
                lanes.append(evolve(lane, contender=PROTOTYPE, run=_prototype))
    return Task("thrift", BYTEWISE, "byte", lanes)


def _inputs(kind: Kind, protocol: str, size: int) -> Callable[[int], list[list[bytes]]]:
    def inputs(number: int) -> list[list[bytes]]:
        return [[bytes((byte,)) for byte in call.message] for call in batch(kind, protocol, number, size)]

    return inputs


def _ours(chunks: list[bytes]) -> list[bytes]:
    decoder = MessageDecoder(ThriftCodec(), Direction.TO_SERVER)
    return [metadata.message for chunk in chunks for metadata in decoder.feed(chunk)]


def _prototype(chunks: list[bytes]) -> list[Any]:
    decoder = prototype().UnframedDecoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)]


def _check(chunks: list[bytes], found: list[bytes]) -> None:
    if found != [b"".join(chunks)]:
        raise WrongAnswerError("cuts elsewhere")
