"""The bounds that hostile bytes cannot exceed."""

from typing import Any

from attrs import Attribute, field, frozen

KIB = 1024
MIB = 1024 * KIB


def _positive(instance: object, attribute: "Attribute[int]", value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"Limits.{attribute.name} must be a whole number of at least 1, not {value!r}")


def _limit(default: int) -> Any:
    return field(default=default, validator=_positive)


@frozen(kw_only=True)
class Limits:
    """The bounds that a codec accepts before it raises `LimitExceeded`. Every bound is finite.

    The sizes bound what is buffered; the others bound what is *built*. Skipping is bounded by the bytes that are
    skipped. A default here that refuses what a protocol's own server accepts is a bug.

    Args:
        max_message_size: Bytes of one message, header included.
        max_header_size: Bytes of the part of a message that must be there before its length is known.
        max_depth: Levels of values inside values.
        max_elements: Keys of all header maps of a message, or elements of all its built containers.
        max_references: Values that a message may refer back to.
        max_class_definitions: Classes that a message may define.
        max_key_length: Bytes of one header key.
        max_value_length: Bytes of one header value.
        max_decompressed_size: Bytes of one compressed message after decompression.

    Raises:
        ValueError: A bound is not a whole number of at least 1.
    """

    # Dubbo's `payload` is 8 MiB by default and raised by many; Aeraki's codec allows 16 MiB; Thrift frames
    # 16,384,000 bytes; websockets 1 MiB; Kafka 100 MiB.
    max_message_size: int = _limit(16 * MIB)
    # hpack 64 KiB, node 80 KiB, THeader 64 KiB, AwesomeRPC 18 bytes and a block of up to 64 KiB.
    max_header_size: int = _limit(128 * KIB)
    # Thrift and thriftpy2 64; CBOR libraries 16 to 256.
    max_depth: int = _limit(64)
    # HTTP servers stop at 100 to 1,000 headers; Dubbo and Thrift servers at none. This bounds a message's
    # properties to some tens of MiB.
    max_elements: int = _limit(256 * KIB)
    # No precedent: hessian2 readers have no bound but the message's size.
    max_references: int = _limit(256 * KIB)
    max_class_definitions: int = _limit(64 * KIB)
    # Length fields of 16 bits are the widest in use for keys (THeader, AwesomeRPC).
    max_key_length: int = _limit(64 * KIB)
    # As large as a message: a Dubbo attachment may fill one.
    max_value_length: int = _limit(16 * MIB)
    # As large as a message that was never compressed may be.
    max_decompressed_size: int = _limit(16 * MIB)
