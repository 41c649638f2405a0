"""Setting one attachment, a new one and one that is there.

The codec changes a message that it has decoded. A package without that must decode the message and write it again, so
that is what it is timed for, and the same is shown of the codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.dubbo.messages import KINDS, Kind, batch
from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.peers import available_peers
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.hessian2 import Map, Reader
from metaprotocol_sdk import DecodeError, Direction, Limits, Metadata, Mutation

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.peer import Peer

NEW_KEY, REPLACED_KEY = "set a new key", "replace a key"
BOTH = f"{OURS}, decode too"
_VALUE = "gray"
_HEADER_SIZE = 16


def tasks() -> list[Task]:
    """Return the tasks of setting a key."""
    return [_task(NEW_KEY, "x-canary"), _task(REPLACED_KEY, "group")]


def _task(name: str, key: str) -> Task:
    lanes: list[Lane] = []
    cannot: dict[tuple[str, str], str] = {}
    for kind in KINDS:
        lanes += (_ours(kind, key), _ours_with_decode(kind, key))
        for peer in available_peers():
            if isinstance(peer.mutate, str):
                cannot[kind.name, peer.name] = peer.mutate
            else:
                lanes.append(_lane(kind, key, peer, peer.mutate))
    return Task("dubbo", name, "message", lanes, cannot)


def _ours(kind: Kind, key: str) -> Lane:
    codec = DubboCodec()
    mutation = Mutation({key: _VALUE})

    def inputs(number: int) -> list[Metadata]:
        return [codec.decode(call.message, Direction.TO_SERVER) for call in batch(kind, number)]

    def check(metadata: Metadata, written: bytes) -> None:
        _compare(metadata.message, written, key)

    return Lane(kind.name, OURS, inputs, lambda metadata: codec.encode(metadata, mutation), check)


def _ours_with_decode(kind: Kind, key: str) -> Lane:
    codec = DubboCodec()
    mutation = Mutation({key: _VALUE})

    def run(message: bytes) -> bytes:
        return codec.encode(codec.decode(message, Direction.TO_SERVER), mutation)

    return Lane(kind.name, BOTH, _messages(kind), run, _checks(key))


def _lane(kind: Kind, key: str, peer: Peer, mutate: Callable[[bytes, str, str], bytes]) -> Lane:
    return Lane(kind.name, peer.name, _messages(kind), lambda message: mutate(message, key, _VALUE), _checks(key))


def _messages(kind: Kind) -> Callable[[int], list[bytes]]:
    return lambda number: [call.message for call in batch(kind, number)]


def _checks(key: str) -> Callable[[bytes, bytes], None]:
    return lambda message, written: _compare(message, written, key)


def _compare(message: bytes, written: bytes, key: str) -> None:
    """Compare all values of a body, as a reader sees them."""
    *before, attachments = _values(message)
    try:
        *after, found = _values(written)
    except DecodeError as error:
        raise WrongAnswerError(f"writes no sound request: {error.message}") from error
    if written[:12] != message[:12]:
        raise WrongAnswerError("changes the header")
    if after != before:
        raise WrongAnswerError("changes the arguments or their types")
    if found != attachments | {key: _VALUE}:
        raise WrongAnswerError("sets something else")


def _values(message: bytes) -> list[Any]:
    reader = Reader(message, _HEADER_SIZE, Limits())
    values = []
    while reader.position < len(message):
        values.append(reader.read())
    last = values.pop()
    return [*values, dict(last.pairs) if isinstance(last, Map) else last]
