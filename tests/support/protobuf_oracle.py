"""Messages of bRPC and tRPC as the `protobuf` package reads them, and bytes that try a parser.

The numbers are those of brpc's baidu_rpc_meta.proto and of trpc.proto.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import strategies as st

from metaprotocol_sdk.protobuf import Schema, write_varint

RPC_META = Schema(
    {
        "request": (1, Schema({"service_name": (1, "string"), "method_name": (2, "string"), "log_id": (3, "int64")})),
        "response": (2, Schema({"error_code": (1, "int32"), "error_text": (2, "string")})),
        "compress_type": (3, "int32"),
        "correlation_id": (4, "int64"),
        "attachment_size": (5, "int32"),
        "user_fields": (9, "map<string, string>"),
    }
)
REQUEST_PROTOCOL = Schema(
    {
        "version": (1, "uint32"),
        "call_type": (2, "uint32"),
        "request_id": (3, "uint32"),
        "timeout": (4, "uint32"),
        "caller": (5, "string"),
        "callee": (6, "string"),
        "func": (7, "string"),
        "message_type": (8, "uint32"),
        "trans_info": (9, "map<string, bytes>"),
        "content_type": (10, "uint32"),
        "content_encoding": (11, "uint32"),
    }
)

_TYPES = descriptor_pb2.FieldDescriptorProto.Type
_pool = descriptor_pool.DescriptorPool()


def oracle(name: str, fields: dict[str, tuple[int, str | type | list[type]]], syntax: str = "proto2") -> type:
    """Return the class of a message. A field's type is a scalar's name, a map, or such a class, or a list of it."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=name.lower(), syntax=syntax)
    message = file.message_type.add(name=name)
    for field_name, (number, kind) in fields.items():
        field = message.field.add(name=field_name, number=number, label=1)
        if not isinstance(kind, str):
            field.label = 3 if isinstance(kind, list) else 1
            inner = (kind[0] if isinstance(kind, list) else kind).DESCRIPTOR
            file.dependency.append(inner.file.name)
            field.type, field.type_name = _TYPES.Value("TYPE_MESSAGE"), f".{inner.full_name}"
        elif kind.startswith("map"):
            entry = message.nested_type.add(name=f"{field_name.title().replace('_', '')}Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, label=1, type=_TYPES.Value("TYPE_STRING"))
            value = kind.removeprefix("map<string, ").removesuffix(">").upper()
            entry.field.add(name="value", number=2, label=1, type=_TYPES.Value(f"TYPE_{value}"))
            field.label, field.type = 3, _TYPES.Value("TYPE_MESSAGE")
            field.type_name = f".{file.package}.{name}.{entry.name}"
        else:
            field.type = _TYPES.Value(f"TYPE_{kind.upper()}")
    _pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{file.package}.{name}"))


# In proto2 a string is not checked for UTF-8, but Python's accessor cannot return one that is not: hence bytes.
RequestMeta = oracle(
    "RpcRequestMeta", {"service_name": (1, "bytes"), "method_name": (2, "bytes"), "log_id": (3, "int64")}
)
ResponseMeta = oracle("RpcResponseMeta", {"error_code": (1, "int32"), "error_text": (2, "bytes")})
UserField = oracle("UserField", {"key": (1, "bytes"), "value": (2, "bytes")})
RpcMeta = oracle(
    "RpcMeta",
    {
        "request": (1, RequestMeta),
        "response": (2, ResponseMeta),
        "compress_type": (3, "int32"),
        "correlation_id": (4, "int64"),
        "attachment_size": (5, "int32"),
        "user_fields": (9, [UserField]),  # which is what a map is on the wire
    },
)
RequestProtocol = oracle(
    "RequestProtocol",
    {
        "version": (1, "uint32"),
        "call_type": (2, "uint32"),
        "request_id": (3, "uint32"),
        "timeout": (4, "uint32"),
        "caller": (5, "bytes"),
        "callee": (6, "bytes"),
        "func": (7, "bytes"),
        "message_type": (8, "uint32"),
        "trans_info": (9, "map<string, bytes>"),
        "content_type": (10, "uint32"),
        "content_encoding": (11, "uint32"),
    },
    "proto3",
)


def as_dict(message: Any) -> dict[str, Any]:
    """Return what is set in a message, as `Schema.read` returns it."""
    found: dict[str, Any] = {}
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            found[descriptor.name] = _text(value)
        elif descriptor.message_type.GetOptions().map_entry:
            found[descriptor.name] = {key: _text(text) for key, text in value.items()}
        elif descriptor.message_type is UserField.DESCRIPTOR:
            found[descriptor.name] = {_text(entry.key): _text(entry.value) for entry in value}
        else:
            found[descriptor.name] = as_dict(value)
    return found


def _text(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _padded(value: int, more: int) -> bytes:
    """Return a varint with as many bytes more than it needs."""
    raw = bytearray(write_varint(value))
    if more:
        raw[-1] |= 0x80
        raw += b"\x80" * (more - 1) + b"\x00"
    return bytes(raw)


_more = st.sampled_from([0] * 18 + [1, 3])
_varints = st.builds(_padded, st.integers(0, 300) | st.integers(0, 2**64 - 1), _more | st.integers(0, 9))
_known = st.sampled_from([1 << 3 | 2, 2 << 3 | 2, 1 << 3, 3 << 3, 4 << 3, 5 << 3, 9 << 3 | 2])
_tags = (
    _known
    | _known
    | st.builds(
        lambda number, kind: number << 3 | kind,
        st.integers(1, 12) | st.integers(1, 2**29 - 1),
        st.sampled_from([0, 1, 2, 3, 5]),
    )
)


def _fields(inside: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    @st.composite
    def field(draw: st.DrawFn) -> bytes:
        tag = draw(_tags)
        head = _padded(tag, draw(_more))
        match tag & 7:
            case 0:
                return head + draw(_varints)
            case 1:
                return head + draw(st.binary(min_size=8, max_size=8))
            case 2:
                content = draw(inside)
                return head + _padded(len(content), draw(_more)) + content
            case 3:
                return head + draw(inside) + write_varint(tag + 1)
        return head + draw(st.binary(min_size=4, max_size=4))

    return st.lists(field(), max_size=5).map(b"".join)


WIRE: st.SearchStrategy[bytes] = _fields(_fields(_fields(st.just(b"")) | st.binary(max_size=3)))
"""Fields of every wire type, with numbers that are known and not, nested, and some longer than needed."""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw such bytes; of a third a part is cut out, or a bit is wrong."""
    raw = bytearray(draw(WIRE))
    damage = draw(st.integers(0, 5))
    if raw and damage >= 4:
        at = draw(st.integers(0, len(raw) - 1))
        if damage == 4:
            raw[at] ^= 1 << draw(st.integers(0, 7))
        else:
            del raw[at : at + draw(st.integers(1, 3))]
    return bytes(raw)
