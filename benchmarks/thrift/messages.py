"""Thrift calls as Apache's own library writes them, every one of another method and with another sequence id."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 64
"""The number of messages in a batch; no two share a method or a sequence id."""

PROTOCOLS = {"binary": TBinaryProtocol, "compact": TCompactProtocol}

_NOUNS = ("Address", "Coupon", "Customer", "Invoice", "Parcel", "Product", "Refund", "Voucher")
_STRING = (TType.STRING, "UTF8", "writeString")
_BINARY = (TType.STRING, "BINARY", "writeBinary")
_SCALARS = {
    bool: (TType.BOOL, None, "writeBool"),
    int: (TType.I32, None, "writeI32"),
    float: (TType.DOUBLE, None, "writeDouble"),
    str: _STRING,
    bytes: _BINARY,
}


class Long(int):
    """An integer that is written as i64."""


class Args:
    """The result of the accelerated reader: an object with the attributes that `thrift_spec` names."""

    thrift_spec: tuple[Any, ...] = ()

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


@frozen
class Kind:
    """A kind of call: what its arguments are.

    Args:
        name: What the tables call it.
        arguments: Builds the arguments of the call of a number; the numbers repeat after a few.
    """

    name: str
    arguments: Callable[[int], list[Any]]

    @property
    def args(self) -> type[Args]:
        """The class that the accelerated reader reads the arguments into."""
        return _struct_class(tuple(self.arguments(0)), self.name)


@frozen
class Call:
    """One call without a frame, and what a reader has to find in it."""

    message: bytes
    method: str
    request_id: int


def _order(number: int) -> tuple[Any, ...]:
    return (
        Long(10**12 + number),
        f"order-{number}",
        "Jane Q. Public",
        "jane.public@example.com",
        3,
        120,
        199.99,
        0.0,
        True,
        False,
        Long(1_700_000_000_000 + number),
        Long(1_700_000_100_000 + number),
        "SKU-0001-ABCDEF",
        "1 Infinite Loop",
        "Cupertino",
        "95014",
        "US",
        7,
        12.345678,
        Long(42),
    )


def _item(number: int) -> tuple[Any, ...]:
    email = f"user{number}@example.com"
    return (Long(number), f"item-{number:05}", email, number % 90, number * 1.37, number % 2 == 1, Long(number), 5)


SMALL = Kind("small", lambda number: [f"A{number:03}"])
MEDIUM = Kind("medium", lambda number: [_order(number), [number + i * 1000 for i in range(50)]])
STRUCTS = Kind("1,000 structs", lambda number: [[_item(number + i) for i in range(1000)]])
BYTES = Kind("120 KB", lambda number: [random.Random(number).randbytes(120 * 1024)])
KINDS = (SMALL, MEDIUM, STRUCTS, BYTES)


def batch(kind: Kind, protocol: str, number: int, size: int = BATCH) -> list[Call]:
    """Return calls of one kind; batches of different numbers have no method or id in common.

    Args:
        kind: What the calls carry.
        protocol: "binary" or "compact".
        number: Which batch, from 0.
        size: How many calls, at most `BATCH`.
    """
    return [_call(kind, protocol, number * BATCH + index) for index in range(size)]


def framed(message: bytes) -> bytes:
    """Return a message in a frame."""
    return len(message).to_bytes(4) + message


def _call(kind: Kind, protocol: str, unique: int) -> Call:
    method = f"get{_NOUNS[unique % len(_NOUNS)]}{unique}"
    buffer = TMemoryBuffer()
    PROTOCOLS[protocol](buffer).writeMessageBegin(method, TMessageType.CALL, unique)
    return Call(buffer.getvalue() + _struct(kind, protocol, unique % 4), method, unique)


@cache
def _struct(kind: Kind, protocol: str, number: int) -> bytes:
    """Return the bytes of the arguments; to write a thousand structs for each call would take longer than to read."""
    buffer = TMemoryBuffer()
    writer = PROTOCOLS[protocol](buffer)
    # The compact protocol's writer wants a message around its structs.
    writer.writeMessageBegin("", TMessageType.CALL, 0)
    before = len(buffer.getvalue())
    _write_struct(writer, kind.arguments(number))
    written: bytes = buffer.getvalue()
    return written[before:]


def _write_struct(writer: Any, fields: Any) -> None:
    writer.writeStructBegin("")
    for number, value in enumerate(fields, 1):
        writer.writeFieldBegin("", _type_of(value)[0], number)
        _write(writer, value)
        writer.writeFieldEnd()
    writer.writeFieldStop()
    writer.writeStructEnd()


def _write(writer: Any, value: Any) -> None:
    if isinstance(value, tuple):
        _write_struct(writer, value)
    elif isinstance(value, list):
        writer.writeListBegin(_type_of(value[0])[0], len(value))
        for item in value:
            _write(writer, item)
        writer.writeListEnd()
    else:
        getattr(writer, _type_of(value)[2])(value)


def _type_of(value: Any) -> tuple[int, Any, str]:
    """Return a value's type, what `thrift_spec` says of its inside, and what writes it."""
    if isinstance(value, tuple):
        struct = _struct_class(value, "struct")
        return TType.STRUCT, [struct, struct.thrift_spec], ""
    if isinstance(value, list):
        kind, inside, _ = _type_of(value[0])
        return TType.LIST, (kind, inside, False), ""
    if isinstance(value, Long):
        return TType.I64, None, "writeI64"
    return _SCALARS[type(value)]


def _struct_class(fields: tuple[Any, ...], name: str) -> type[Args]:
    """Return a class as Thrift's compiler would write it."""
    spec = [
        (number, *_type_of(value)[:1], f"f{number}", _type_of(value)[1], None) for number, value in enumerate(fields, 1)
    ]
    return type(name, (Args,), {"thrift_spec": (None, *spec)})
