"""The types of fields, as a .proto file names them, and the values that their bytes hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from metaprotocol_sdk._errors import EncodeError, LimitExceeded, UnsupportedMutation
from metaprotocol_sdk.edits import Edit
from metaprotocol_sdk.entries import Entry, encode_text, mutate_entries
from metaprotocol_sdk.protobuf._wire import I32, I64, LEN, MAX_DEPTH, VARINT, RawField, scan_fields, write_varint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from metaprotocol_sdk._limits import Limits

FieldType: TypeAlias = Literal[
    "int32",
    "int64",
    "uint32",
    "uint64",
    "sint32",
    "sint64",
    "bool",
    "fixed32",
    "fixed64",
    "sfixed32",
    "sfixed64",
    "string",
    "bytes",
    "map<string, string>",
    "map<string, bytes>",
]
"""A field's type, as a .proto file names it. An enum is an int32."""

_U64 = 2**64 - 1
_KEY, _VALUE = 1 << 3 | LEN, 2 << 3 | LEN  # in a map's entry


class Type(ABC):
    """Reads, writes and changes the fields of one type."""

    wire_type: int = LEN

    @abstractmethod
    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        """Return what the fields so far mean.

        Args:
            before: What those before this one mean; None if this is the first.
            message: The bytes.
            field: The field.
            limits: Bounds of what is built.
            depth: Levels of messages and groups that may still begin.
        """

    @abstractmethod
    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        """Return fields that hold a value, each after its tag.

        Raises:
            EncodeError: They cannot hold it.
        """

    def change(
        self, message: bytes, found: Sequence[RawField], tag: bytes, value: Any, limits: Limits
    ) -> tuple[list[list[Edit]], bytes]:
        """Return the edits that make fields hold a value, for each of them, and the fields to add after all.

        Args:
            message: The bytes.
            found: The fields there are, in order.
            tag: Theirs.
            value: The value.
            limits: Bounds of what they may become.
        """
        if not found:
            return [], self.write(tag, value, limits)
        edits: list[list[Edit]] = [[] for _ in found]
        last = found[-1]
        if self.read(None, message, last, limits, MAX_DEPTH) != value:
            edits[-1] = [Edit(last[1], last[3], self.write(tag, value, limits))]
        return edits, b""

    def text(self, message: bytes, field: RawField, limits: Limits) -> tuple[str, str]:
        """Return the field's key, if it is a map's, and its value, both for a person."""
        value = self.read(None, message, field, limits, MAX_DEPTH)
        return "", value.hex(" ") if isinstance(value, bytes) else str(value)


class _Number(Type):
    """A number: `convert` gives its meaning from the unsigned one on the wire, `invert` goes the other way."""

    def __init__(self, wire_type: int, convert: Callable[[int], int], invert: Callable[[int], int]) -> None:
        self.wire_type = wire_type
        self._convert = convert
        self._invert = invert

    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        return self._convert(field[4])

    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        number = self._invert(value)
        if self._convert(number) != value:
            raise EncodeError(f"the number {value} does not fit this protobuf field")
        if self.wire_type == VARINT:
            return tag + write_varint(number)
        return tag + number.to_bytes(4 if self.wire_type == I32 else 8, "little")


class _Bytes(Type):
    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        return message[field[2] : field[3]]

    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        return b"".join((tag, write_varint(len(value)), value))


class _String(Type):
    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        return message[field[2] : field[3]].decode("utf-8", "surrogateescape")

    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        raw = _utf8(value, limits.max_value_length)
        return tag + write_varint(len(raw)) + raw


class _Map(Type):
    """A map from strings: a message for each entry, with the key as field 1 and the value as field 2."""

    def __init__(self, write_value: Callable[[str, int], bytes]) -> None:
        self._write_value = write_value

    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        entries: dict[str, str] = {} if before is None else before
        key, value = self._entry(message, field, limits, depth - 1)
        entries[key] = value
        if len(entries) > limits.max_elements:
            raise LimitExceeded("max_elements", len(entries), limits.max_elements, offset=field[1], field="map")
        return entries

    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        return b"".join(self._write_entry(tag, key, text, limits) for key, text in value.items() if text is not None)

    def change(
        self, message: bytes, found: Sequence[RawField], tag: bytes, value: Any, limits: Limits
    ) -> tuple[list[list[Edit]], bytes]:
        entries = [Entry(*self._entry(message, field, limits, MAX_DEPTH), field[1], field[3]) for field in found]
        end = len(message)
        changed, _ = mutate_entries(
            entries, value, lambda key, text: self._write_entry(tag, key, text, limits), end, limits=limits
        )
        by_start = {edit.start: edit for edit in changed if edit.start < edit.end}
        edits = [[by_start[field[1]]] if field[1] in by_start else [] for field in found]
        return edits, b"".join(edit.replacement for edit in changed if edit.start == edit.end)

    def text(self, message: bytes, field: RawField, limits: Limits) -> tuple[str, str]:
        return self._entry(message, field, limits, MAX_DEPTH)

    def _entry(self, message: bytes, field: RawField, limits: Limits, depth: int) -> tuple[str, str]:
        """Return key and value, of which one that is missing is empty."""
        _, at, start, end, _ = field
        key = value = b""
        middle = start + 2 + message[start + 1] if end - start >= 4 else end
        if (
            middle < end - 1
            and message[start] == _KEY
            and message[middle] == _VALUE
            and message[start + 1] < 0x80
            and message[middle + 1] < 0x80
            and message[middle + 1] == end - middle - 2
        ):
            # Both are there, in this order, with lengths of one byte, as nearly always: no need to scan.
            key, value = message[start + 2 : middle], message[middle + 2 : end]
        else:
            for tag, _, inside, stop, _ in scan_fields(message, start, end, depth):
                if tag == _KEY:
                    key = message[inside:stop]
                elif tag == _VALUE:
                    value = message[inside:stop]
        if len(key) > limits.max_key_length:
            raise LimitExceeded("max_key_length", len(key), limits.max_key_length, offset=at, field="map")
        if len(value) > limits.max_value_length:
            raise LimitExceeded("max_value_length", len(value), limits.max_value_length, offset=at, field="map")
        return key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")

    def _write_entry(self, tag: bytes, key: str, value: str, limits: Limits) -> bytes:
        raw, content = _utf8(key, limits.max_key_length), self._write_value(value, limits.max_value_length)
        entry = b"".join((b"\x0a", write_varint(len(raw)), raw, b"\x12", write_varint(len(content)), content))
        return tag + write_varint(len(entry)) + entry


def _utf8(text: str, maximum: int) -> bytes:
    """Return text as a `string` holds it: servers refuse a message in which one is not UTF-8."""
    raw = encode_text(text, maximum)
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise UnsupportedMutation(f"the text {text[:80]!r} is not UTF-8, which a protobuf string must be") from None
    return raw


def _signed(wire_type: int, bits: int) -> _Number:
    mask, sign = (1 << bits) - 1, 1 << bits - 1
    # A negative varint always has 64 bits.
    written = _U64 if wire_type == VARINT else mask
    return _Number(wire_type, lambda raw: ((raw & mask) ^ sign) - sign, lambda value: value & written)


def _unsigned(wire_type: int, bits: int) -> _Number:
    mask = (1 << bits) - 1
    return _Number(wire_type, lambda raw: raw & mask, lambda value: value & mask)


def _zigzag(bits: int) -> _Number:
    mask = (1 << bits) - 1
    return _Number(
        VARINT, lambda raw: (raw & mask) >> 1 ^ -(raw & 1), lambda value: (value << 1 ^ value >> bits - 1) & mask
    )


TYPES: Mapping[FieldType, Type] = {
    "int32": _signed(VARINT, 32),
    "int64": _signed(VARINT, 64),
    "uint32": _unsigned(VARINT, 32),
    "uint64": _unsigned(VARINT, 64),
    "sint32": _zigzag(32),
    "sint64": _zigzag(64),
    "bool": _Number(VARINT, bool, int),
    "fixed32": _unsigned(I32, 32),
    "fixed64": _unsigned(I64, 64),
    "sfixed32": _signed(I32, 32),
    "sfixed64": _signed(I64, 64),
    "string": _String(),
    "bytes": _Bytes(),
    "map<string, string>": _Map(_utf8),
    "map<string, bytes>": _Map(encode_text),
}
