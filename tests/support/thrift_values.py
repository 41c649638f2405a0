"""Generates structs of every shape, and has Apache Thrift's own Python library write and skip them."""

from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

PROTOCOLS = {"binary": TBinaryProtocol, "compact": TCompactProtocol, "json": TJSONProtocol}

# Letters of all widths, what JSON escapes, and lengths around those that a pattern or a varint handles in one step.
_TEXTS = st.one_of(
    st.text(st.sampled_from('aé世😀"\\/\n\x00[]{},: '), max_size=12),
    st.sampled_from([0, 1, 62, 63, 64, 65, 127, 128, 300]).map("x".__mul__),
)
_SCALARS = {
    TType.BOOL: st.booleans(),
    TType.BYTE: st.integers(-128, 127),
    TType.I16: st.integers(-(2**15), 2**15 - 1),
    TType.I32: st.integers(-(2**31), 2**31 - 1),
    TType.I64: st.integers(-(2**63), 2**63 - 1),
    TType.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    TType.STRING: _TEXTS,
    TType.UUID: st.uuids(),
}
_SIZES = st.one_of(st.integers(0, 4), st.sampled_from([14, 15, 16, 17, 33]))
_WRITERS = {
    TType.BOOL: "writeBool",
    TType.BYTE: "writeByte",
    TType.I16: "writeI16",
    TType.I32: "writeI32",
    TType.I64: "writeI64",
    TType.DOUBLE: "writeDouble",
    TType.STRING: "writeString",
    TType.UUID: "writeUuid",
}


@st.composite
def values(draw, depth):
    """Draw a type and a value of it: a scalar, (item type, items), (key type, value type, pairs), or fields."""
    kinds = list(_SCALARS)
    if depth:
        kinds += [TType.LIST, TType.SET, TType.MAP, TType.STRUCT]
    kind = draw(st.sampled_from(kinds))
    return kind, draw(_value(kind, depth))


@st.composite
def _value(draw, kind, depth):
    if kind in _SCALARS:
        return draw(_SCALARS[kind])
    if kind == TType.STRUCT:
        return draw(structs(depth - 1))
    inner = list(_SCALARS) + ([TType.LIST, TType.STRUCT, TType.MAP] if depth > 1 else [])
    item = draw(st.sampled_from(inner))
    size = draw(_SIZES if item in _SCALARS else st.integers(0, 3))
    if kind != TType.MAP:
        return item, [draw(_value(item, depth - 1)) for _ in range(size)]
    # Apache's JSON writes no container as a key.
    key = draw(st.sampled_from(list(_SCALARS)))
    return key, item, [(draw(_value(key, 0)), draw(_value(item, depth - 1))) for _ in range(size)]


@st.composite
def structs(draw, depth=3):
    """Draw the fields of a struct: ids of any distance, and what `values` draws."""
    ids = st.one_of(st.integers(1, 20), st.integers(-(2**15), 2**15 - 1))
    numbers = draw(st.lists(ids, max_size=5))
    return [(number, *draw(values(depth))) for number in numbers]


def write_struct(protocol, fields):
    protocol.writeStructBegin("")
    for number, kind, value in fields:
        protocol.writeFieldBegin("", kind, number)
        _write_value(protocol, kind, value)
        protocol.writeFieldEnd()
    protocol.writeFieldStop()
    protocol.writeStructEnd()


def _write_value(protocol, kind, value):
    if kind in _WRITERS:
        getattr(protocol, _WRITERS[kind])(value)
    elif kind == TType.STRUCT:
        write_struct(protocol, value)
    elif kind == TType.MAP:
        key, item, pairs = value
        protocol.writeMapBegin(key, item, len(pairs))
        for name, inner in pairs:
            _write_value(protocol, key, name)
            _write_value(protocol, item, inner)
        protocol.writeMapEnd()
    else:
        item, items = value
        begin, end = ("writeListBegin", "writeListEnd") if kind == TType.LIST else ("writeSetBegin", "writeSetEnd")
        getattr(protocol, begin)(item, len(items))
        for inner in items:
            _write_value(protocol, item, inner)
        getattr(protocol, end)()


def written(name, method, kind, seqid, fields):
    """Return a message as Apache's library writes it in the protocol of that name."""
    buffer = TMemoryBuffer()
    protocol = PROTOCOLS[name](buffer)
    protocol.writeMessageBegin(method, kind, seqid)
    write_struct(protocol, fields)
    protocol.writeMessageEnd()
    return buffer.getvalue()


def read_head_and_skip(name, data):
    """Have Apache's library read a message; return name, type, sequence id, and where it ends."""
    buffer = TMemoryBuffer(data)
    protocol = PROTOCOLS[name](buffer)
    head = protocol.readMessageBegin()
    protocol.skip(TType.STRUCT)
    protocol.readMessageEnd()
    return (*head, buffer.cstringio_buf.tell())
