"""The transforms that a message in THeader goes through before it is sent. Apache Thrift has one: zlib."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from metaprotocol_sdk import DecodeError, LimitExceeded

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.theader.header import Header
    from metaprotocol_sdk import Limits

ZLIB = 1
NAMES = {ZLIB: "zlib", 2: "hmac", 3: "snappy", 4: "qlz", 5: "zstd"}
"""Apache Thrift has zlib alone; the others are Facebook's."""


def name_of(transform: int) -> str:
    """Return the name of a transform, or its number."""
    return NAMES.get(transform, f"number {transform}")


def payload_of(message: bytes, header: Header, limits: Limits) -> tuple[bytes, int]:
    """Return the bytes that hold the message after a header, transforms undone, and its index in them."""
    if not header.transforms:
        return message, header.end
    return undo(message, header.transforms, header.end, limits), 0


def undo(data: bytes, transforms: tuple[int, ...], start: int, limits: Limits) -> bytes:
    """Return the bytes that the transforms were applied to.

    Args:
        data: A message in THeader.
        transforms: The numbers of the transforms, the first one applied first.
        start: The index at which the transformed bytes begin.
        limits: `max_decompressed_size` bounds the results of all transforms together.

    Raises:
        DecodeError: A transform is unknown, or the bytes are not its output.
        LimitExceeded: The result is too large.
    """
    unknown = [name_of(transform) for transform in transforms if transform != ZLIB]
    if unknown:
        raise DecodeError(
            f"the message went through the transform {unknown[0]}, and only zlib can be undone",
            offset=start,
            field="transforms",
        )
    result, left = data[start:], limits.max_decompressed_size
    for _ in transforms:
        inflate = zlib.decompressobj()
        try:
            result = inflate.decompress(result, left + 1)
        except zlib.error as error:
            raise DecodeError(f"the zlib transform cannot be undone: {error}", offset=start, field="payload") from None
        if len(result) > left:
            maximum = limits.max_decompressed_size
            raise LimitExceeded("max_decompressed_size", maximum + 1, maximum, offset=start, field="payload")
        if inflate.unused_data:
            raise DecodeError(
                f"{len(inflate.unused_data):,} bytes follow what zlib packed", offset=start, field="payload"
            )
        left -= len(result)
    return result


def apply(data: bytes, transforms: tuple[int, ...]) -> bytes:
    """Return a message after its transforms, all of which `undo` knows."""
    for _ in transforms:
        data = zlib.compress(data)
    return data
