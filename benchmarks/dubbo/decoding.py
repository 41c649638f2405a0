"""Decoding: who is called, with which id, and the attachments. Arguments are skipped by whoever can skip them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.dubbo.messages import KINDS, Call, Kind, batch
from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.peers import available_peers
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction, Metadata

if TYPE_CHECKING:
    from benchmarks.peers.peer import Found, Peer

NAME = "decode"


def task() -> Task:
    """Return the task of decoding requests."""
    lanes = [lane for kind in KINDS for lane in (_ours(kind), *(_lane(kind, peer) for peer in available_peers()))]
    return Task("dubbo", NAME, "message", lanes)


def _messages(kind: Kind, number: int) -> list[bytes]:
    return [call.message for call in batch(kind, number)]


def _ours(kind: Kind) -> Lane:
    decode, direction = DubboCodec().decode, Direction.TO_SERVER

    def check(message: bytes, metadata: Metadata) -> None:
        found = (metadata.request_id, metadata.properties["interface"], metadata.properties["method"])
        fields = {"method", "parameter_types", "dubbo"}
        _compare(kind, (*found, {name: value for name, value in metadata.properties.items() if name not in fields}))

    return Lane(kind.name, OURS, partial(_messages, kind), lambda message: decode(message, direction), check)


def _lane(kind: Kind, peer: Peer) -> Lane:
    def check(message: bytes, found: Found) -> None:
        _compare(kind, found)

    return Lane(kind.name, peer.name, partial(_messages, kind), peer.decode, check)


def _compare(kind: Kind, found: Found) -> None:
    call: Call = batch(kind, 0)[0]
    if found != (call.request_id, call.interface, call.method, call.attachments):
        raise WrongAnswerError("reads something else than was written")
