"""Cutting a chunk of frames into calls and reading each: what one connection delivers.

In the other tasks every call is a message of its own, and the peers' readers, which read from a transport, are made for
each. That is most of what a small call takes them. Here one reader reads the whole chunk, and the codec cuts it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.thrift.messages import BATCH, KINDS, PROTOCOLS, Kind, batch, framed
from benchmarks.thrift.peers import ACCELERATED, CYTHON, Found
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder, Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

STREAM = "cut and decode a stream of trusted frames"


def task() -> Task:
    """Return the task of reading a stream."""
    lanes: list[Lane] = []
    cannot: dict[tuple[str, str], str] = {}
    for protocol in PROTOCOLS:
        for kind in KINDS[:2]:  # of large ones no chunk has many
            subject = f"{protocol}, {kind.name}"
            inputs = partial(_chunk, kind, protocol)
            lanes.append(Lane(subject, OURS, inputs, _ours(), _check_ours, _units))
            for peer in (CYTHON, ACCELERATED):
                read = peer.stream(kind, protocol)
                if isinstance(read, str):
                    cannot[subject, peer.name] = read
                else:
                    lanes.append(Lane(subject, peer.name, inputs, read, _check, _units))
    return Task("thrift", STREAM, "message", lanes, cannot)


def _chunk(kind: Kind, protocol: str, number: int) -> list[bytes]:
    return [b"".join(framed(call.message) for call in batch(kind, protocol, number))]


def _units(_: bytes) -> int:
    return BATCH


def _ours() -> Callable[[bytes], list[Metadata]]:
    return MessageDecoder(ThriftCodec(trust_frames=True), Direction.TO_SERVER).feed


def _check_ours(chunk: bytes, found: list[Metadata]) -> None:
    _check(chunk, [(metadata.properties["method"], metadata.request_id) for metadata in found])


def _check(chunk: bytes, found: list[Found]) -> None:
    if len(found) != BATCH or len({request_id for _, request_id in found}) != BATCH:
        raise WrongAnswerError("reads other calls")
    for method, request_id in found:
        if not method.endswith(str(request_id)) or method.encode() not in chunk:
            raise WrongAnswerError("reads another method or sequence id")
