"""dubbo-ssl-python: a Dubbo client in Python, whose codec is also that of python3-dubbo and dubbo-python."""

from __future__ import annotations

from typing import Any

from dubbo_ssl.codec.decoder import Response
from dubbo_ssl.codec.encoder import Request

from benchmarks.peers.parts import HEADER_SIZE, find_descriptors, read_request_id
from benchmarks.peers.peer import Found, Peer


def _read(message: bytes) -> tuple[list[Any], list[Any], dict[str, str]]:
    """Return the five strings, the arguments and the attachments."""
    values = Response(message)
    values.read_bytes(HEADER_SIZE)
    strings = [values.read_next() for _ in range(5)]
    arguments = [values.read_next() for _ in find_descriptors(strings[4])]
    return strings, arguments, values.read_next()


def _decode(message: bytes) -> Found:
    strings, _, attachments = _read(message)
    return read_request_id(message)[0], strings[1], strings[3], attachments


def _mutate(message: bytes, key: str, value: str) -> bytes:
    (dubbo, path, version, method, _), arguments, attachments = _read(message)
    attachments[key] = value
    request = Request(
        {
            "dubbo_version": dubbo,
            "path": path,
            "version": version,
            "method": method,
            "arguments": arguments,
            "context": attachments,
            "group": attachments["group"],
        }
    )
    request.invoke_id = read_request_id(message)[0]
    return bytes(request.encode())


PEER = Peer("dubbo-ssl-python", _decode, _mutate, "writes requests only", "cuts streams inside its socket client only")
