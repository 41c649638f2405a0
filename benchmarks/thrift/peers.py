"""The packages that a Python user could pick instead, and the prototype that the codec was built after."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocolAccelerated
from thrift.transport.TTransport import TFramedTransport, TMemoryBuffer
from thriftpy2.protocol.cybin import TCyBinaryProtocol
from thriftpy2.transport.framed import TCyFramedTransport
from thriftpy2.transport.memory import TCyMemoryBuffer

from benchmarks.thrift.messages import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.thrift.messages import Kind

Found = tuple[str, int]
"""The facts of a call that a mesh needs: method and sequence id."""

_STRUCT = 12
_ACCELERATED = {"binary": TBinaryProtocolAccelerated, "compact": TCompactProtocolAccelerated}
_FOLDER = Path(__file__).parents[3] / "shared" / "spikes" / "codec-speed"


@frozen
class Peer:
    """Another reader.

    Args:
        name: What the tables call it.
        framed: Given a kind of calls and a protocol, returns what reads one call in a frame; or why it cannot.
        unframed: The same of a call without a frame, up to its end.
        stream: The same of the frames of a whole batch, with one reader that is kept, as a server keeps one.
    """

    name: str
    framed: Callable[[Kind, str], Callable[[bytes], Found] | str]
    unframed: Callable[[Kind, str], Callable[[bytes], Found] | str]
    stream: Callable[[Kind, str], Callable[[bytes], list[Found]] | str]


_NO_COMPACT = "has no compact protocol in Cython"


def _cython_skip(transport: Callable[[bytes], Any], protocol: str) -> Callable[[bytes], Found] | str:
    if protocol != "binary":
        return _NO_COMPACT

    def read(message: bytes) -> Found:
        reader = TCyBinaryProtocol(transport(message))
        method, _, request_id = reader.read_message_begin()
        reader.skip(_STRUCT)
        reader.read_message_end()
        return method, request_id

    return read


def _cython_stream(protocol: str) -> Callable[[bytes], list[Found]] | str:
    if protocol != "binary":
        return _NO_COMPACT

    def read(chunk: bytes) -> list[Found]:
        reader = TCyBinaryProtocol(TCyFramedTransport(TCyMemoryBuffer(chunk)))
        found = []
        for _ in range(BATCH):
            method, _, request_id = reader.read_message_begin()
            reader.skip(_STRUCT)
            reader.read_message_end()
            found.append((method, request_id))
        return found

    return read


def _accelerated(transport: Callable[[bytes], Any], kind: Kind, protocol: str) -> Callable[[bytes], Found]:
    make, args = _ACCELERATED[protocol], kind.args
    spec = [args, args.thrift_spec]

    def read(message: bytes) -> Found:
        reader = make(transport(message), fallback=False)
        method, _, request_id = reader.readMessageBegin()
        reader._fast_decode(args(), reader, spec)  # noqa: SLF001 - what generated code calls
        reader.readMessageEnd()
        return method, request_id

    return read


def _accelerated_stream(kind: Kind, protocol: str) -> Callable[[bytes], list[Found]]:
    make, args = _ACCELERATED[protocol], kind.args
    spec = [args, args.thrift_spec]

    def read(chunk: bytes) -> list[Found]:
        reader = make(TFramedTransport(TMemoryBuffer(chunk)), fallback=False)
        found = []
        for _ in range(BATCH):
            method, _, request_id = reader.readMessageBegin()
            reader._fast_decode(args(), reader, spec)  # noqa: SLF001 - what generated code calls
            reader.readMessageEnd()
            found.append((method, request_id))
        return found

    return read


CYTHON = Peer(
    "thriftpy2, Cython skip",
    lambda _, protocol: _cython_skip(lambda message: TCyFramedTransport(TCyMemoryBuffer(message)), protocol),
    lambda _, protocol: _cython_skip(TCyMemoryBuffer, protocol),
    lambda _, protocol: _cython_stream(protocol),
)
ACCELERATED = Peer(
    "thrift, accelerated",
    lambda kind, protocol: _accelerated(lambda message: TFramedTransport(TMemoryBuffer(message)), kind, protocol),
    lambda kind, protocol: _accelerated(TMemoryBuffer, kind, protocol),
    _accelerated_stream,
)
PROTOTYPE = "prototype"


@cache
def prototype() -> Any:
    """Return the prototype's module, where its folder stands beside this one; else None. It is no package."""
    if not _FOLDER.is_dir():
        return None
    sys.path.append(str(_FOLDER))
    import thrift_meta2

    return thrift_meta2
