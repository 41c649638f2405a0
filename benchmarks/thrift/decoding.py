"""Reading calls: which method, which sequence id, and where the message ends.

A frame says where it ends. Whoever trusts it reads the head alone; whoever does not, and whoever has no frame, goes
through the arguments. thriftpy2 skips them in Cython, thrift's accelerated reader builds them in C, and the frame's
end is checked by neither.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.model import OURS, Lane, Task, WrongAnswerError
from benchmarks.thrift.messages import KINDS, PROTOCOLS, Kind, batch, framed
from benchmarks.thrift.peers import ACCELERATED, CYTHON, PROTOTYPE, Found, prototype
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import Direction, MessageDecoder, Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

TRUSTED, CHECKED, UNFRAMED = "decode a trusted frame", "decode a frame", "cut and decode without frames"


def tasks() -> list[Task]:
    """Return the tasks of reading calls."""
    return [_task(TRUSTED, in_frames=True), _task(CHECKED, in_frames=True), _task(UNFRAMED, in_frames=False)]


def _task(name: str, *, in_frames: bool) -> Task:
    lanes: list[Lane] = []
    cannot: dict[tuple[str, str], str] = {}
    for protocol in PROTOCOLS:
        for kind in KINDS:
            subject = f"{protocol}, {kind.name}"
            inputs = partial(_messages, kind, protocol, in_frames=in_frames)
            lanes.append(Lane(subject, OURS, inputs, _ours(name), _check_ours))
            for peer in (CYTHON, ACCELERATED):
                read = (peer.framed if in_frames else peer.unframed)(kind, protocol)
                if isinstance(read, str):
                    cannot[subject, peer.name] = read
                else:
                    lanes.append(Lane(subject, peer.name, inputs, read, _check))
            if prototype() is not None:
                lanes.append(Lane(subject, PROTOTYPE, inputs, _prototype(name), _check_prototype))
    return Task("thrift", name, "message", lanes, cannot)


def _messages(kind: Kind, protocol: str, number: int, *, in_frames: bool) -> list[bytes]:
    calls = batch(kind, protocol, number)
    return [framed(call.message) if in_frames else call.message for call in calls]


def _ours(task: str) -> Callable[[bytes], Metadata]:
    if task == UNFRAMED:
        feed = MessageDecoder(ThriftCodec(), Direction.TO_SERVER).feed
        return lambda message: feed(message)[0]
    decode, direction = ThriftCodec(trust_frames=task == TRUSTED).decode, Direction.TO_SERVER
    return lambda message: decode(message, direction)


def _prototype(task: str) -> Callable[[bytes], Any]:
    module = prototype()
    if task == TRUSTED:
        return lambda message: module.framed(message, 0)
    if task == UNFRAMED:
        # It cuts and forgets what it has read; whoever wants the method reads the head again.
        feed = module.UnframedDecoder().feed
        return lambda message: module.head(feed(message)[0], 0, 0, -1, None, 0)

    def read(message: bytes) -> Any:
        head = module.framed(message, 0)
        skipper = module.CmpSkipper() if head.proto else module.BinSkipper()
        if skipper.run(message, head.body) != len(message):
            raise WrongAnswerError("ends elsewhere")
        return head

    return read


def _check_ours(message: bytes, metadata: Metadata) -> None:
    _check(message, (metadata.properties["method"], metadata.request_id))


def _check_prototype(message: bytes, head: Any) -> None:
    _check(message, (head.method, head.seqid))


def _check(message: bytes, found: Found) -> None:
    method, request_id = found
    # The first call of a batch is that of its number.
    if not method.endswith(str(request_id)) or method.encode() not in message:
        raise WrongAnswerError("reads another method or sequence id")
