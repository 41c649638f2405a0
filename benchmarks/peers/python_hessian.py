"""python-hessian: Hessian in Python. It reads hessian2 and writes only Hessian 1."""

from __future__ import annotations

from io import BytesIO

from pyhessian.parser import Parser, ParserV2

from benchmarks.peers.parts import HEADER_SIZE, find_descriptors, read_request_id
from benchmarks.peers.peer import Found, Peer


def _decode(message: bytes) -> Found:
    # There is no function for a bare value: this is what its own parse() does inside a reply.
    parser = Parser()
    parser._stream = BytesIO(message)  # noqa: SLF001
    parser._stream.seek(HEADER_SIZE)  # noqa: SLF001
    read = ParserV2(parser)._read_object  # noqa: SLF001
    _, interface, _, method, types = [read() for _ in range(5)]
    for _ in find_descriptors(types):
        read()
    return read_request_id(message)[0], interface, method, read()


PEER = Peer(
    "python-hessian",
    _decode,
    "writes Hessian 1, which Dubbo does not read",
    "writes Hessian 1, which Dubbo does not read",
    "reads values, not streams",
)
