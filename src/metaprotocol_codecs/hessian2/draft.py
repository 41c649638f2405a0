"""The objects of SOFARPC in a Bolt message's content, as far as a mesh needs them.

SOFARPC writes a draft of Hessian 2, older than the one of Dubbo: strings and small numbers are the same, objects and
lists are not. An object is `O`, the class, the fields' names, `o`, and the values. Source: SOFA Hessian 3.5 and
sofa-hessian-node 2.1.
"""

from __future__ import annotations

from metaprotocol_codecs.hessian2 import read_text
from metaprotocol_codecs.hessian2.strings import NULL, read_integer
from metaprotocol_sdk import DecodeError

SOFA_REQUEST = b"com.alipay.sofa.rpc.core.request.SofaRequest"
SOFA_RESPONSE = b"com.alipay.sofa.rpc.core.response.SofaResponse"
EXCEPTION = b"com.alipay.remoting.rpc.exception.RpcServerException"
_OBJECT, _INSTANCE, _LIST, _LIST_TYPE, _LIST_TYPE_AGAIN, _LIST_END = b"OoVtTz"
_SHORT_LENGTH, _LENGTH = b"nl"
_TARGET = frozenset({"targetServiceUniqueName", "methodName"})
_FAILURE = frozenset({"isError", "errorMsg", "detailMessage"})
_BOOLEANS = {0x54: "true", 0x46: "false"}
_LONGEST_SHORT = 31
_LONGEST_STRING = 0x7FFF


def read_request(message: bytes, start: int, end: int) -> tuple[str, str, str]:
    """Return the service and the method of a `SofaRequest`, and the reason if the server may see others.

    Args:
        message: A message.
        start: Where the content begins.
        end: Where it ends.
    """
    try:
        found = read_fields(message, start, end, _TARGET)
    except DecodeError as error:
        return "", "", f"the request cannot be read: {error}"
    unclear = "" if found.keys() == _TARGET else "the method or the service comes after what is not read"
    return found.get("targetServiceUniqueName") or "", found.get("methodName") or "", unclear


def read_failure(message: bytes, start: int, end: int, *, failed: bool) -> tuple[bool, str]:
    """Return True if a `SofaResponse` or an exception says that the call failed, and the text that goes with it.

    Args:
        message: A message.
        start: Where the content begins.
        end: Where it ends.
        failed: True if the header has said so already.
    """
    try:
        found = read_fields(message, start, end, _FAILURE)
    except DecodeError:  # the text is for people, and the header says enough
        return failed, ""
    text = found.get("detailMessage") or found.get("errorMsg") or ""
    return failed or found.get("isError") == "true", text


def read_fields(message: bytes, start: int, end: int, wanted: frozenset[str]) -> dict[str, str | None]:
    """Return fields of an object that are strings, booleans or null.

    Those after a value of another type are not read, unless it is a list of strings.

    Args:
        message: A message.
        start: Where the object begins.
        end: Where the content ends.
        wanted: The names of the fields.

    Raises:
        DecodeError: It is not an object, or the content ends inside it.
    """
    try:
        names, position = _read_class(message, start, end)
        found: dict[str, str | None] = {}
        for name in names:
            value: str | None
            tag = message[position]
            if tag in _BOOLEANS:
                value, position = _BOOLEANS[tag], position + 1
            elif tag == _LIST and (after := _skip_strings(message, position + 1, end)):
                position = after
                continue
            elif tag < 0x20 or tag in b"SN":
                value, position = (None, position + 1) if tag == NULL else read_text(message, position)
            else:
                break
            if position > end:
                raise IndexError
            if name in wanted:
                found[name] = value
                if len(found) == len(wanted):
                    break
    except IndexError:
        raise DecodeError("the content ends inside its object", offset=end, field="content") from None
    return found


def _read_class(message: bytes, start: int, end: int) -> tuple[list[str | None], int]:
    """Return the names of the fields, and where their values begin."""
    if message[start] != _OBJECT:
        raise DecodeError(f"an object was expected, not the type code {message[start]:02x}", offset=start)
    size, position = read_integer(message, start + 1)
    count, position = read_integer(message, position + max(size, 0))
    names: list[str | None] = []
    for _ in range(count):
        name, position = read_text(message, position)
        if position > end:
            raise IndexError
        names.append(name)
    if message[position] != _INSTANCE:
        raise DecodeError(f"an object was expected, not the type code {message[position]:02x}", offset=position)
    return names, read_integer(message, position + 1)[1]


def _skip_strings(message: bytes, position: int, end: int) -> int:
    """Return the position after a list of strings, whose first byte has been read; 0 if it holds something else."""
    if message[position] == _LIST_TYPE:
        position += 3 + int.from_bytes(message[position + 1 : position + 3])
    elif message[position] == _LIST_TYPE_AGAIN:
        position = read_integer(message, position + 1)[1]
    if message[position] == _SHORT_LENGTH:
        position += 2
    elif message[position] == _LENGTH:
        position += 5
    while message[position] != _LIST_END:
        if message[position] > 0x1F and message[position] not in b"SN":
            return 0
        position = read_text(message, position)[1]
        if position > end:
            raise IndexError
    return position + 1


def write_exception(text: str) -> bytes:
    """Return Bolt's exception for failures of the server. Text that is not ASCII is escaped."""
    fields = _write_string("detailMessage") + _write_string("stackTrace")  # without the second, Node sees no exception
    no_trace = b"Vt\x00\x1c[java.lang.StackTraceElementn\x00z"
    return (
        b"O" + _write_length(len(EXCEPTION)) + EXCEPTION + b"\x92" + fields + b"o\x90" + _write_string(text) + no_trace
    )


def _write_length(length: int) -> bytes:
    return (0xC800 + length).to_bytes(2)


def _write_string(text: str) -> bytes:
    raw = text.encode("ascii", "backslashreplace")[:_LONGEST_STRING]
    return (bytes((len(raw),)) if len(raw) <= _LONGEST_SHORT else b"S" + len(raw).to_bytes(2)) + raw
