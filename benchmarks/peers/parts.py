"""The parts of a Dubbo message that the peers leave to their user."""

from __future__ import annotations

import re
from struct import Struct

HEADER_SIZE = 16
_HEADER = Struct(">HBBQI")
_REQUEST, _RESPONSE, _SERVER_ERROR = 0xC2, 0x02, 80

read_request_id = Struct(">4xQ4x").unpack_from

find_descriptors = re.compile(r"\[*(?:[VZBCDFIJS]|L[^;]+;)").findall
"""Finds the parameter types of a request, one for each argument."""


def write_request(request_id: int, body: bytes) -> bytes:
    """Return a request with this body."""
    return _HEADER.pack(0xDABB, _REQUEST, 0, request_id, len(body)) + body


def write_error(request_id: int, body: bytes) -> bytes:
    """Return a response of status SERVER_ERROR with this body."""
    return _HEADER.pack(0xDABB, _RESPONSE, _SERVER_ERROR, request_id, len(body)) + body
