"""Hypothesis strategies for valid Bolt messages, for the conformance kit: every form of the header, any headers.

They write the bytes themselves: nothing of the codec is used.
"""

from __future__ import annotations

import struct
import zlib

from hypothesis import strategies as st

from metaprotocol_sdk import Direction

_REQUEST_CLASS = b"com.alipay.sofa.rpc.core.request.SofaRequest"
_RESPONSE_CLASS = b"com.alipay.sofa.rpc.core.response.SofaResponse"
_EXCEPTION_CLASS = b"com.alipay.remoting.rpc.exception.RpcServerException"
_KEYS = st.sampled_from(["service", "user", "rpc_trace_context.sofaTraceId", "größe"]) | st.text(max_size=6)
_TEXTS = st.text(max_size=40)
_IDS = st.integers(0, 2**32 - 1)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """Generate valid messages of each kind, with the direction that they travel."""
    response = draw(st.booleans())
    codec = draw(st.sampled_from([1, 11, 12, 77]))
    if draw(st.integers(0, 5)) == 0:
        return _message(draw, response=response, command=0, codec=codec, outcome=0, parts=(b"", b"", b""))
    if response:
        status = draw(st.sampled_from([0, 0, 0, 1, 2, 4, 7, 16, 0x7FFF]))
        name, content = (_EXCEPTION_CLASS, _exception(draw)) if status else (_RESPONSE_CLASS, _response(draw))
    else:
        status, name, content = draw(st.integers(0, 2**32 - 1)), _REQUEST_CLASS, _request(draw)
    if codec != 1:
        content = draw(st.binary(max_size=30))
    name = draw(st.sampled_from([name, name, b"", b"org.example.Own"]))
    parts = (name, _headers(draw), content)
    return _message(draw, response=response, command=2 if response else 1, codec=codec, outcome=status, parts=parts)


def _message(
    draw: st.DrawFn, *, response: bool, command: int, codec: int, outcome: int, parts: tuple[bytes, bytes, bytes]
) -> tuple[Direction, bytes]:
    protocol, version, switch = draw(
        st.sampled_from([(1, 0, 0), (2, 1, 0), (2, 1, 1), (2, 2, 0), (2, 2, 1), (2, 2, 3)])
    )
    kind = 0 if response else draw(st.sampled_from([1, 1, 2]))
    raw = bytes((kind,)) + struct.pack(">HBIB", command, 1, draw(_IDS), codec)
    raw = bytes((1,)) + raw if protocol == 1 else bytes((2, version)) + raw + bytes((switch,))
    raw += struct.pack(">H" if response else ">I", outcome)
    raw += struct.pack(">HHI", *map(len, parts)) + b"".join(parts)
    if version == 2 and switch & 1:
        raw += zlib.crc32(raw).to_bytes(4)
    return Direction.TO_CLIENT if response else Direction.TO_SERVER, raw


def _headers(draw: st.DrawFn) -> bytes:
    entries = draw(st.lists(st.tuples(_KEYS, st.none() | _TEXTS), max_size=4))
    return b"".join(_text(key) + _text(value) for key, value in entries)


def _text(text: str | None) -> bytes:
    if text is None:
        return b"\xff\xff\xff\xff"
    raw = text.encode()
    return len(raw).to_bytes(4) + raw


def _request(draw: st.DrawFn) -> bytes:
    """Draw a `SofaRequest`, with its fields in the order of Java or of Node."""
    signatures = b"Vt\x00\x07[stringn\x01\x10java.lang.Stringz"
    values = {"methodName": _string(draw(_TEXTS)), "targetServiceUniqueName": _string(draw(_TEXTS))}
    fields = [*values, "targetAppName"]
    values |= {"targetAppName": b"N", "methodArgSigs": signatures, "requestProps": b"Mz"}
    if draw(st.booleans()):
        fields.insert(1, "methodArgSigs")
    return _object(_REQUEST_CLASS, {name: values[name] for name in [*fields, "requestProps"]}) + b"\x05world"


def _response(draw: st.DrawFn) -> bytes:
    failed = draw(st.booleans())
    text = _string(draw(_TEXTS)) if failed else b"N"
    return _object(_RESPONSE_CLASS, {"isError": b"T" if failed else b"F", "errorMsg": text, "appResponse": b"N"})


def _exception(draw: st.DrawFn) -> bytes:
    return _object(_EXCEPTION_CLASS, {"detailMessage": _string(draw(_TEXTS)), "cause": b"N"})


def _object(name: bytes, fields: dict[str, bytes]) -> bytes:
    head = b"O" + (0xC800 + len(name)).to_bytes(2) + name + bytes((0x90 + len(fields),))
    return head + b"".join(map(_string, fields)) + b"o\x90" + b"".join(fields.values())


def _string(text: str) -> bytes:
    """Return a string as Java writes it: each half of a surrogate pair takes three bytes of its own."""
    units = [unit for (unit,) in struct.iter_unpack("<H", text.encode("utf-16-le"))]
    head = bytes((len(units),)) if len(units) < 32 else b"S" + len(units).to_bytes(2)
    return head + b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit in units)
