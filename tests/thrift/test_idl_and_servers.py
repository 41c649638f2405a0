"""A reader that believes the definition and not the wire ends where the codec does, if a call passes.

Such a reader is Apache's own in Python, without its C module: it does not look at the types of items, as the generated
code of C++, Go, Java and Node.js does not.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idl_types import METHODS, arguments_of, definition, number_of, with_one_change
from soundness import sound
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer
from thrift_messages import SERVER, framed
from thrift_values import PROTOCOLS, written

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import ProtocolError


class Struct:
    """The values that the reader makes."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


def spec_of(types):
    """Return what Apache's compiler writes of fields with these types."""
    return (
        None,
        *((number, number_of(kind), f"f{number}", inside(kind), None) for number, kind in enumerate(types, 1)),
    )


def inside(kind):
    if isinstance(kind, str):
        return "BINARY" if number_of(kind) == TType.STRING else None
    if kind[0] == "struct":
        return (Struct, spec_of(kind[1:]))
    parts = [part for item in kind[1:] for part in (number_of(item), inside(item))]
    return (*parts, False)


def end_for_a_server(protocol, message, types):
    """Return where the arguments end for a server; None if it refuses them."""
    buffer = TMemoryBuffer(message)
    reader = PROTOCOLS[protocol](buffer)
    try:
        reader.readMessageBegin()
        reader.readStruct(Struct(), spec_of(types))
        reader.readMessageEnd()
    except Exception:  # noqa: BLE001 - whatever it raises, it does not run the call
        return None
    return buffer.cstringio_buf.tell()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(types=METHODS, data=st.data())
def test_what_passes_ends_for_a_server_where_it_does_for_the_codec(path, protocol, types, data):
    path.write_text(definition(types), "utf-8")
    fields = data.draw(arguments_of(data.draw(with_one_change(types) | st.just(types))))
    message = bytearray(written(protocol, "m", 1, 5, fields))
    for at in data.draw(st.lists(st.integers(0, len(message) - 1), max_size=2)):
        message[at] = data.draw(st.integers(0, 17) | st.integers(0, 255))
    message = bytes(message)
    try:
        sound(ThriftCodec(idl=str(path), transport="framed").decode(framed(message), SERVER))
    except ProtocolError:
        return
    assert end_for_a_server(protocol, message, types) in (None, len(message))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("idl") / "service.thrift"
