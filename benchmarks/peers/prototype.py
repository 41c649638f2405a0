"""The prototype that the codec was built after, where its folder stands beside this one. It is no package."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.peer import Found, Peer

_FOLDER = Path(__file__).parents[3] / "shared" / "spikes" / "codec-speed"
if not _FOLDER.is_dir():
    raise ImportError("the prototype is not there")
sys.path.append(str(_FOLDER))
import dubbo_meta3 as prototype  # noqa: E402


def _decode(message: bytes) -> Found:
    found = prototype.decode_req_pure(message, 0)
    return found.rid, found.service, found.method, found.att


def _mutate(message: bytes, key: str, value: str) -> bytes:
    return bytes(prototype.mutate(message, prototype.decode_req_pure(message, 0), key, value))


def _error_reply(request_id: int, text: str) -> bytes:
    return bytes(prototype.encode_error(request_id, text, 80))


def _framing(chunks: list[bytes]) -> list[bytes]:
    framer = prototype.Framer()
    return [message for chunk in chunks for message in framer.feed(chunk)]


PEER = Peer("prototype", _decode, _mutate, _error_reply, _framing)
