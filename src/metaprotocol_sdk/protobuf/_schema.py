"""The fields of a protobuf message that a codec reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk._span import Span
from metaprotocol_sdk.edits import Edit, growth
from metaprotocol_sdk.protobuf._types import TYPES, FieldType, Type
from metaprotocol_sdk.protobuf._wire import MAX_DEPTH, RawField, read_varint, scan_fields, write_varint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEFAULT_LIMITS = Limits()
_LARGEST_NUMBER = 2**29 - 1


class Schema:
    """The fields of a protobuf message that a codec reads and writes, by name.

    All other fields are skipped, and stay as they are. So do repeated ones, which a Schema cannot have.

    Args:
        fields: For each name the field's number and its type: a `FieldType`, or a Schema for a message in the message.

    Raises:
        ValueError: A number or a type is not one of protobuf's, or two fields have the same number.
    """

    __slots__ = ("_by_name", "_by_tag")

    def __init__(self, fields: Mapping[str, tuple[int, FieldType | Schema]]) -> None:
        self._by_name: dict[str, tuple[int, Type]] = {}
        for name, (number, declared) in fields.items():
            if not 1 <= number <= _LARGEST_NUMBER:
                raise ValueError(f"the field {name} has the number {number}; protobuf has 1 to {_LARGEST_NUMBER}")
            if not isinstance(declared, Schema) and declared not in TYPES:
                raise ValueError(f"the field {name} has the type {declared!r}; there are a Schema, {', '.join(TYPES)}")
            kind = _Message(declared) if isinstance(declared, Schema) else TYPES[declared]
            self._by_name[name] = (number << 3 | kind.wire_type, kind)
        self._by_tag = {tag: (name, kind) for name, (tag, kind) in self._by_name.items()}
        if len({tag >> 3 for tag in self._by_tag}) < len(fields):
            raise ValueError("two fields have the same number")

    def read(self, message: bytes, start: int, end: int, limits: Limits = _DEFAULT_LIMITS) -> dict[str, Any]:
        """Return the fields that are there, by name: int, bool, str, bytes, and dict for messages and maps.

        Bytes that are not UTF-8 become surrogate escapes in strings, and in the values of maps of bytes.

        Args:
            message: The bytes that hold the protobuf message.
            start: Index of its first byte.
            end: Index after its last byte.
            limits: `max_elements` bounds the entries of each map, `max_key_length` and `max_value_length` one entry.

        Raises:
            DecodeError: The bytes are not a protobuf message.
            LimitExceeded: A map passes the limits.
        """
        return self._read({}, message, start, end, limits, MAX_DEPTH)

    def _read(
        self, found: dict[str, Any], message: bytes, start: int, end: int, limits: Limits, depth: int
    ) -> dict[str, Any]:
        by_tag = self._by_tag
        for field in scan_fields(message, start, end, depth):
            known = by_tag.get(field[0])
            if known is not None:
                name, kind = known
                found[name] = kind.read(found.get(name), message, field, limits, depth)
        return found

    def build(self, values: Mapping[str, Any], limits: Limits = _DEFAULT_LIMITS) -> bytes:
        """Return a protobuf message with these fields, in this order.

        Args:
            values: As `read` returns them. A field whose value is None is left out; one whose value is 0 or empty is
                written.
            limits: `max_key_length` and `max_value_length` bound texts.

        Raises:
            EncodeError: A value does not fit its field.
            KeyError: The schema has no field of this name.
        """
        parts = []
        for name, value in values.items():
            tag, kind = self._by_name[name]
            if value is not None:
                parts.append(kind.write(write_varint(tag), value, limits))
        return b"".join(parts)

    def edits(
        self, message: bytes, start: int, end: int, changes: Mapping[str, Any], limits: Limits = _DEFAULT_LIMITS
    ) -> list[Edit]:
        """Return the edits that change fields, and with them the lengths of the messages that hold these.

        A field that comes several times is changed where parsers take its value from; a new one comes last in its
        message. What has the value already keeps its bytes.

        Args:
            message: The bytes that hold the protobuf message.
            start: Index of its first byte.
            end: Index after its last byte.
            changes: For each name its value, or None to remove the field. The value of a message is again such a
                mapping, and that of a map a mutation: keys to set and, where the value is None, to remove.
            limits: As for `read`, of what the message may become.

        Raises:
            EncodeError: A value does not fit its field; `UnsupportedMutation` for texts and maps.
            ProtocolError: As `read` raises.
            KeyError: The schema has no field of this name.
        """
        [edits] = self._edits(message, [(start, end)], changes, limits)
        return edits

    def _edits(
        self, message: bytes, parts: Sequence[tuple[int, int]], changes: Mapping[str, Any], limits: Limits
    ) -> list[list[Edit]]:
        """Return the edits for each of the parts of a message, which are one message to parsers."""
        found: dict[int, list[RawField]] = {self._by_name[name][0]: [] for name in changes}
        part_of: dict[int, int] = {}
        for part, (start, end) in enumerate(parts):
            for field in scan_fields(message, start, end, MAX_DEPTH):
                if field[0] in found:
                    found[field[0]].append(field)
                    part_of[field[1]] = part
        edits: list[list[Edit]] = [[] for _ in parts]
        added = b""
        for name, value in changes.items():
            tag, kind = self._by_name[name]
            fields = found[tag]
            if value is None:
                changed = [[Edit(field[1], field[3], b"")] for field in fields]
            else:
                changed, more = kind.change(message, fields, write_varint(tag), value, limits)
                added += more
            for field, its_edits in zip(fields, changed, strict=True):
                edits[part_of[field[1]]] += its_edits
        if added:  # after the edits of a message that ends at the same place
            end = parts[-1][1]
            edits[-1].append(Edit(end, end, added))
        return edits

    def spans(self, message: bytes, start: int, end: int, prefix: str = "") -> list[Span]:
        """Return which bytes are which field, for `Codec.spans`.

        Args:
            message: The bytes that hold the protobuf message.
            start: Index of its first byte.
            end: Index after its last byte.
            prefix: What the names of its fields begin with, such as "meta.".

        Raises:
            ProtocolError: As `read` raises.
        """
        spans: list[Span] = []
        for field in scan_fields(message, start, end, MAX_DEPTH):
            tag, at, value_start, stop, _ = field
            if tag not in self._by_tag:
                spans.append(Span(at, stop, f"{prefix}{tag >> 3}"))
                continue
            name, kind = self._by_tag[tag]
            if isinstance(kind, _Message):
                spans.append(Span(at, value_start, prefix + name))
                spans += kind.schema.spans(message, value_start, stop, f"{prefix}{name}.")
            else:
                key, text = kind.text(message, field, _DEFAULT_LIMITS)
                spans.append(Span(at, stop, f"{prefix}{name}.{key}" if key else prefix + name, text))
        return spans


class _Message(Type):
    """A message in a message. Those of one field that come several times are merged."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def read(self, before: Any, message: bytes, field: RawField, limits: Limits, depth: int) -> Any:
        found: dict[str, Any] = {} if before is None else before
        return self.schema._read(found, message, field[2], field[3], limits, depth - 1)  # noqa: SLF001

    def write(self, tag: bytes, value: Any, limits: Limits) -> bytes:
        raw = self.schema.build(value, limits)
        return tag + write_varint(len(raw)) + raw

    def change(
        self, message: bytes, found: Sequence[RawField], tag: bytes, value: Any, limits: Limits
    ) -> tuple[list[list[Edit]], bytes]:
        if not found:
            return [], self.write(tag, value, limits)
        edits = self.schema._edits(message, [field[2:4] for field in found], value, limits)  # noqa: SLF001
        for (_, at, value_start, end, _), inner in zip(found, edits, strict=True):
            if more := growth(inner):
                _, length_at = read_varint(message, at)
                inner.append(Edit(length_at, value_start, write_varint(end - value_start + more)))
        return edits, b""
