"""Protocol Buffers in the headers of other protocols (bRPC, tRPC): read with places, and rewritten in place.

Bytes are read as protobuf's own C++ parser reads them: of several scalars the last wins, messages that come twice are
merged, a field in another wire type than its own is unknown, unknown fields are skipped, numbers may be written longer
than needed, and bits after the 64th are dropped. Two things differ: a `string` that is not UTF-8 is read, where proto3
refuses the message, and what only some parsers refuse is refused: a tag of more than 32 bits, and a field with the
number 0 in a group. Source: the encoding guide at protobuf.dev, and the decoders of protobuf 7 in C++ and C.
"""

from metaprotocol_sdk.protobuf._schema import Schema
from metaprotocol_sdk.protobuf._types import FieldType
from metaprotocol_sdk.protobuf._wire import Field, read_fields, read_varint, write_field, write_varint

__all__ = ["Field", "FieldType", "Schema", "read_fields", "read_varint", "write_field", "write_varint"]

# Reprs, pickles and tracebacks name the place that people import from.
Field.__module__ = Schema.__module__ = __name__
read_fields.__module__ = read_varint.__module__ = write_field.__module__ = write_varint.__module__ = __name__
