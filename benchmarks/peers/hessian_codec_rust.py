"""hessian-codec: hessian2 in Rust. It reads one value, so a body is read as a list of unknown length."""

from __future__ import annotations

import hessian_codec

from benchmarks.peers.parts import HEADER_SIZE, read_request_id, write_error, write_request
from benchmarks.peers.peer import Found, Peer

_loads, _dumps = hessian_codec.loads, hessian_codec.dumps


def _decode(message: bytes) -> Found:
    values = _loads(b"W" + message[HEADER_SIZE:] + b"Z")
    return read_request_id(message)[0], values[1], values[3], values[-1]


def _mutate(message: bytes, key: str, value: str) -> bytes:
    values = _loads(b"W" + message[HEADER_SIZE:] + b"Z")
    values[-1][key] = value
    return write_request(read_request_id(message)[0], b"".join(map(_dumps, values)))


def _error_reply(request_id: int, text: str) -> bytes:
    return write_error(request_id, _dumps(text))


PEER = Peer("hessian-codec", _decode, _mutate, _error_reply, "reads values, not streams")
