"""Dubbo requests as a Java client writes them, every one to another method of another interface."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 64
"""The number of messages in a batch; no two share an interface, a method or an id."""

_AREAS = ("account", "billing", "catalog", "delivery", "identity", "inventory", "order", "pricing")
_NOUNS = ("Address", "Coupon", "Customer", "Invoice", "Parcel", "Product", "Refund", "Voucher")
_HEADER_SIZE = 16


@frozen
class Kind:
    """A kind of request: what its arguments are.

    Args:
        name: What the tables call it.
        types: The parameter types, JVM field descriptors.
        arguments: Builds the arguments of the message of a number; the numbers repeat after a few.
    """

    name: str
    types: str
    arguments: Callable[[int], list[Any]]


@frozen
class Call:
    """One request, and what a reader has to find in it.

    Args:
        message: The bytes.
        interface: The service that is called.
        method: Its method.
        request_id: The id in the header.
        attachments: The map at the end of the body.
    """

    message: bytes
    interface: str
    method: str
    request_id: int
    attachments: dict[str, str]


def _order(number: int) -> Instance:
    created = 1_700_000_000_000 + number
    fields: dict[str, Any] = {
        "id": Long(10**12 + number),
        "name": f"order-{number}",
        "customer": "Jane Q. Public",
        "email": "jane.public@example.com",
        "status": 3,
        "quantity": 120,
        "total": 199.99,
        "tax": 0.0,
        "paid": True,
        "shipped": False,
        "created": Date(created),
        "updated": Date(created + 100_000),
        "sku": "SKU-0001-ABCDEF",
        "street": "1 Infinite Loop",
        "city": "Cupertino",
        "zip": "95014",
        "country": "US",
        "notes": None,
        "weight": 12.345678,
        "version": Long(42),
    }
    return Instance("com.example.model.Order", fields)


def _item(number: int) -> Instance:
    fields: dict[str, Any] = {
        "id": Long(10**10 + number),
        "name": f"item-{number:05}",
        "email": f"user{number}@example.com",
        "age": number % 90,
        "score": number * 1.37,
        "active": number % 2 == 1,
        "created": Date(1_700_000_000_000 + number),
        "note": None,
    }
    return Instance("com.example.model.Item", fields)


def _integers(number: int) -> list[int]:
    """Return 50 numbers: mostly small, as counters and keys are, and every fifth of 32 bits."""
    numbers = random.Random(number)
    return [numbers.randrange(-3000, 3000) if i % 5 else numbers.randrange(-(2**31), 2**31) for i in range(50)]


_CHINESE = "订单已经发货，请在三天之内确认收货地址和联系电话。"  # noqa: RUF001

SMALL = Kind("small", "Ljava/lang/String;", lambda number: [f"A{number:03}"])
MEDIUM = Kind("medium", "Lcom/example/model/Order;Ljava/util/List;", lambda number: [_order(number), _integers(number)])
CJK = Kind("CJK", "Ljava/lang/String;Ljava/util/List;", lambda number: [_CHINESE * 10, [_CHINESE] * 4 + [str(number)]])
BINARY = Kind("120 KB", "[B", lambda number: [random.Random(number).randbytes(120 * 1024)])
OBJECTS = Kind("1,000 objects", "Ljava/util/List;", lambda number: [[_item(number + i) for i in range(1000)]])
KINDS = (SMALL, MEDIUM, CJK, BINARY, OBJECTS)


def batch(kind: Kind, number: int, size: int = BATCH) -> list[Call]:
    """Return requests of one kind; batches of different numbers have no interface, method or id in common.

    Args:
        kind: What the requests carry.
        number: Which batch, from 0.
        size: How many requests, at most `BATCH`.
    """
    return [_call(kind, number, index) for index in range(size)]


def _call(kind: Kind, number: int, index: int) -> Call:
    unique = number * BATCH + index
    noun = _NOUNS[index // len(_AREAS)]
    interface = f"com.example.{_AREAS[index % len(_AREAS)]}.{noun}{number}Service"
    method = f"get{noun}{unique}"
    attachments = {
        "path": interface,
        "interface": interface,
        "version": "1.0.0",
        "group": "blue",
        "timeout": "3000",
        "remote.application": f"caller-{unique}",
        "traceparent": f"00-4bf92f3577b34da6a3ce929d{unique:08x}-00f067aa{unique:08x}-01",
        "x-env": "staging",
    }
    writer = Writer()
    strings = b"".join(map(writer.write, ("2.0.2", interface, "1.0.0", method, kind.types)))
    body = strings + _arguments(kind, index % 4) + writer.write(attachments)
    request_id = 1_000_000 + unique
    header = b"\xda\xbb\xc2\x00" + request_id.to_bytes(8) + len(body).to_bytes(4)
    return Call(header + body, interface, method, request_id, attachments)


@cache
def _arguments(kind: Kind, number: int) -> bytes:
    """Return the arguments' bytes; writing a thousand objects anew for each message would take longer than reading."""
    writer = Writer()
    return b"".join(map(writer.write, kind.arguments(number)))
