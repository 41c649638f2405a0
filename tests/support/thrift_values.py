"""Has Apache Thrift's own Python library write structs, read them and skip them; what they are made of is told by
`metaprotocol_codecs.thrift.strategies.values`, whose classes may be given as plain tuples and numbers."""

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

PROTOCOLS = {"binary": TBinaryProtocol, "compact": TCompactProtocol, "json": TJSONProtocol}

_NAMES = {
    TType.BOOL: "Bool",
    TType.BYTE: "Byte",
    TType.I16: "I16",
    TType.I32: "I32",
    TType.I64: "I64",
    TType.DOUBLE: "Double",
    TType.STRING: "String",
    TType.UUID: "Uuid",
}


def write_struct(protocol, fields):
    protocol.writeStructBegin("")
    for number, kind, value in fields:
        protocol.writeFieldBegin("", kind, number)
        _write_value(protocol, kind, value)
        protocol.writeFieldEnd()
    protocol.writeFieldStop()
    protocol.writeStructEnd()


def _write_value(protocol, kind, value):
    if kind in _NAMES:
        getattr(protocol, f"write{_name(kind, value)}")(value)
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


def _name(kind, value):
    """Return what the methods of a protocol call a type; a string that is no text has another one."""
    return "Binary" if isinstance(value, bytes) else _NAMES[kind]


def _read_struct(protocol, expected):
    fields = []
    protocol.readStructBegin()
    for number, kind, value in expected:
        _, read_kind, read_number = protocol.readFieldBegin()
        assert (read_number, read_kind) == (number, kind)
        fields.append((read_number, read_kind, _read_value(protocol, kind, value)))
        protocol.readFieldEnd()
    assert protocol.readFieldBegin()[1] == TType.STOP
    protocol.readStructEnd()
    return fields


def _read_value(protocol, kind, expected):
    if kind in _NAMES:
        return getattr(protocol, f"read{_name(kind, expected)}")()
    if kind == TType.STRUCT:
        return _read_struct(protocol, expected)
    if kind == TType.MAP:
        key, item, pairs = expected
        head = protocol.readMapBegin()
        assert head in ((key, item, len(pairs)), (0, 0, 0))
        read = [(_read_value(protocol, key, name), _read_value(protocol, item, inner)) for name, inner in pairs]
        protocol.readMapEnd()
        return int(key), int(item), read
    item, items = expected
    name = "List" if kind == TType.LIST else "Set"
    assert getattr(protocol, f"read{name}Begin")() == (item, len(items))
    read = [_read_value(protocol, item, inner) for inner in items]
    getattr(protocol, f"read{name}End")()
    return int(item), read


def read(name, data, expected):
    """Have Apache's library read a message whose struct is like another, which tells texts from other bytes.

    Returns:
        Its name, type, sequence id, fields as plain tuples, and where it ends.
    """
    buffer = TMemoryBuffer(data)
    protocol = PROTOCOLS[name](buffer)
    head = protocol.readMessageBegin()
    fields = _read_struct(protocol, expected)
    protocol.readMessageEnd()
    return (*head, fields, buffer.cstringio_buf.tell())


def plain(fields):
    """Return fields as `read` does: plain tuples and numbers."""
    return [(number, int(kind), _plain(kind, value)) for number, kind, value in fields]


def _plain(kind, value):
    if kind == TType.STRUCT:
        return plain(value)
    if kind == TType.MAP:
        key, item, pairs = value
        return int(key), int(item), [(_plain(key, name), _plain(item, inner)) for name, inner in pairs]
    if kind in (TType.LIST, TType.SET):
        item, items = value
        return int(item), [_plain(item, inner) for inner in items]
    return value


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
    if name != "json":
        protocol.readString = protocol.readBinary  # it skips strings by reading them, and not each is a text
    protocol.skip(TType.STRUCT)
    protocol.readMessageEnd()
    return (*head, buffer.cstringio_buf.tell())
