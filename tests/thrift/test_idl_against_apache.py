"""Calls that Apache's own library writes by an interface definition pass as calls of it, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from idl_types import METHODS, arguments_of, definition, number_of, with_one_change
from soundness import sound
from thrift_messages import SERVER, framed
from thrift_values import PROTOCOLS, written

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import DecodeError


def fits(fields, types):
    """Return whether all fields that the definition has are of its types, however deep."""
    expected = dict(enumerate(types, 1))
    return all(
        number not in expected or (kind == number_of(expected[number]) and fits_inside(value, expected[number]))
        for number, kind, value in fields
    )


def fits_inside(value, kind):
    if isinstance(kind, str):
        return True
    if kind[0] == "struct":
        return fits(value, kind[1:])
    *numbers, items = value
    if items and numbers != list(map(number_of, kind[1:])):
        return False
    if kind[0] == "map":
        return all(fits_inside(inner, kind[2]) for _, inner in items)
    return all(fits_inside(inner, kind[1]) for inner in items)


@pytest.fixture(scope="module")
def codec_of(tmp_path_factory):
    """Return what makes a codec of the definition of a method with arguments of these types."""
    path = tmp_path_factory.mktemp("idl") / "service.thrift"

    def make(types):
        path.write_text(definition(types), "utf-8")
        return ThriftCodec(idl=str(path))

    return make


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(types=METHODS, data=st.data())
def test_a_call_that_apache_writes_by_the_definition_passes(codec_of, protocol, types, data):
    fields = data.draw(arguments_of(types))
    message = framed(written(protocol, "m", 1, 5, fields))
    assert codec_of(types).decode(message, SERVER).properties == {"method": "m"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(types=METHODS, data=st.data())
def test_a_call_by_another_definition_passes_only_where_all_types_are_the_same(codec_of, protocol, types, data):
    fields = data.draw(arguments_of(data.draw(with_one_change(types))))
    codec, message = codec_of(types), framed(written(protocol, "m", 1, 5, fields))
    if fits(fields, types):
        assert codec.decode(message, SERVER).properties == {"method": "m"}
    else:
        with pytest.raises(DecodeError, match=r"on the wire, and .* in the interface definition"):
            sound(codec.decode(message, SERVER))
