"""The option `idl`: requests have the types of the interface definition, on the wire too."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_messages import (
    CALL,
    CLIENT,
    ONEWAY,
    REPLY,
    SERVER,
    STRUCTS,
    WRITERS,
    framed,
    header,
    hx,
    read,
    strict,
    unframed,
    zipped,
)
from toy_protocols import outcome

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import (
    CodecLoadError,
    DecodeError,
    Error,
    ErrorType,
    LimitExceeded,
    Limits,
    MessageType,
    ProtocolError,
    load_codec,
)

# What stands for types, sizes and signs in one of the protocols.
NOTABLE = [bytes((byte,)) for byte in (*range(17), 0x19, 0x1B, 0x1C, 0x7F, 0x80, 0xFF)]
NOTABLE += [b"{", b"}", b"[", b"]", b",", b":", b'"', b'"lst"', b'"map"', b'"rec"', b"null", b" "]

DEFINITION = """
enum Color { RED = 1 }
struct Node { 1: Color color, 2: list<Node> after, 3: map<string, list<i64>> counts, 4: binary raw, 5: Node inner }
service Base { void ping() }
service Painter extends Base {
  Node paint(1: Node node, 2: set<string> words, 3: map<i32, Node> places, 4: map<list<i32>, string> odd)
  oneway void forget(1: double since)
  void same(1: i32 a)
}
service Other { void same(1: i32 b) void forget(1: string name) }
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("idl") / "painter.thrift"
    path.write_text(DEFINITION, "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def codec(path):
    return ThriftCodec(idl=path)


def refused(codec, protocol, struct, name="paint", kind=CALL, transport=framed):
    metadata = codec.decode(transport(WRITERS[protocol](kind, name, 7, struct)), SERVER)
    assert isinstance(metadata.error, DecodeError)
    return metadata


def refusal(*args, **options):
    return refused(*args, **options).error


# paint({color: 1, after: [{}], counts: {"a": [5]}, raw: "b"}, {"w"}, {1: {}}) in each protocol.
RIGHT = {
    "strict": hx(
        "0c0001 08000100000001 0f00020c0000000100 0d0003 0b0f00000001 0000000161 0a00000001 0000000000000005"
        "0b00040000000162 00 0e00020b000000010000000177 0d0003080c000000010000000100 00"
    ),
    "compact": hx("1c 1502 191c00 1b01890161160a 18 0162 00 1a180177 1b015c0200 00"),
    "json": b'{"1":{"rec":{"1":{"i32":1},"2":{"lst":["rec",1,{}]},"3":{"map":["str","lst",1,{"a":["i64",1,5]}]},'
    b'"4":{"str":"Yg=="}}},"2":{"set":["str",1,"w"]},"3":{"map":["i32","rec",1,{"1":{}}]}}',
}
RIGHT["non-strict"] = RIGHT["strict"]


@pytest.mark.parametrize("protocol", WRITERS)
@pytest.mark.parametrize("transport", [framed, unframed])
def test_arguments_of_the_definitions_types_pass(codec, protocol, transport):
    message = transport(WRITERS[protocol](CALL, "paint", 7, RIGHT[protocol]))
    assert read(message, codec=codec) == read(message)


# What the arguments are, what the error says of them, and where in them.
WRONG = {
    "strict": [
        ("08 0001 00000001 00", "node is i32 on the wire, and Node in the interface definition", 0),
        ("0c0001 0a0001 0000000000000001 00 00", "node.color is i64 on the wire, and Color in the", 3),
        ("0f0002 0b 00000000 00", "words is list on the wire, and set<string> in the", 0),
        ("0e0002 08 00000001 00000001 00", "the items of words are i32 on the wire, and string in the", 3),
        ("0d0003 0a0c 00000001 0000000000000001 00 00", "the keys of places are i64 on the wire, and i32 in the", 3),
        ("0d0003 0808 00000001 00000001 00000001 00", "the items of places are i32 on the wire, and Node in the", 3),
        (
            "0c0001 0f0002 0c 00000001 0d0003 0b0f 00000001 00000000 08 00000000 00 00 00",
            None,  # of an empty list the type means nothing
            0,
        ),
        (
            "0c0001 0f0002 0c 00000001 0d0003 0b0f 00000001 00000000 08 00000001 00000005 00 00 00",
            "the items of node.after[].counts[] are i32 on the wire, and i64 in the",
            24,
        ),
        (
            "0d0003 080c 00000001 00000007 0f0002 08 00000001 00000005 00 00",
            "the items of places[].after are i32 on the wire, and Node in the",
            16,
        ),
        ("0d0004 0f0b 00000001 08 00000001 00000005 00000000 00", None, 0),
        (
            "0d0004 0f0b 00000001 0a 00000001 0000000000000005 00000000 00",
            "the items of odd[] are i64 on the wire, and i32 in the",
            9,
        ),
    ],
    "compact": [
        ("15 02 00", "node is i32 on the wire, and Node in the", 0),
        ("1c 16 02 00 00", "node.color is i64 on the wire, and Color in the", 1),
        ("2a 15 02 00", "the items of words are i32 on the wire, and string in the", 1),
        ("3b 01 6c 02 00 00", "the keys of places are i64 on the wire, and i32 in the", 1),
        ("3b 01 55 02 02 00", "the items of places are i32 on the wire, and Node in the", 1),
        ("3b 00 00", None, 0),
        ("1c 3b 01 89 01 61 15 0a 00 00", "the items of node.counts[] are i32 on the wire, and i64 in the", 6),
        ("01 808008 00", "the field id 65536 has more than 16 bits", 0),
    ],
    "json": [
        (b'{"1":{"i32":1}}', "node is i32 on the wire, and Node in the", 1),
        (b'{"2":{"set":["i32",1,5]}}', "the items of words are i32 on the wire, and string in the", 12),
        (b'{"3":{"map":["i64","rec",1,{"1":{}}]}}', "the keys of places are i64 on the wire, and i32 in the", 12),
        (b'{"3":{"map":["i32","str",1,{"1":""}]}}', "the items of places are string on the wire, and Node in the", 12),
        (b'{"2":{"set":["i32",0]}}', None, 0),
        (b'{"2":{"set":["str",2,"a"]}}', ", should stand here", 24),
        (b'{"2":{"set":["str",1,"a","b"]}}', "] should stand here", 24),
        (b'{"1":{"rec":{"2":{"lst":["rec",1,5]}}}}', "{ should stand here", 33),
    ],
}


@pytest.mark.parametrize(
    ("protocol", "struct", "what", "offset"),
    [(protocol, *case) for protocol, cases in WRONG.items() for case in cases],
    ids=str,
)
def test_a_type_that_differs_is_refused_and_the_error_says_where(codec, protocol, struct, what, offset):
    struct = hx(struct) if isinstance(struct, str) else struct
    message = framed(WRITERS[protocol](CALL, "paint", 7, struct))
    read(message)  # it is sound otherwise
    if what is None:
        assert read(message, codec=codec).properties == {"method": "paint"}
        return
    metadata = refused(codec, protocol, struct)
    assert what in metadata.error.message
    assert metadata.error.offset == message.index(struct) + offset
    assert (metadata.request_id, metadata.operation) == (7, "paint")


# A map of strings that says its keys are i64: the codec, and servers that believe it, take 8 bytes for the key. Servers
# that read strings, whatever it says, find an empty key and an empty list, the end of the struct, and a call.
def hidden():
    call = strict(ONEWAY, "forget", 8, STRUCTS["strict"]["nothing"])
    lie = hx("0d0003 0a0b 00000001 00000000 00000000") + len(call).to_bytes(4) + call
    return strict(CALL, "paint", 7, hx("0c0001") + lie + hx("00 00"))


def test_a_call_that_hides_behind_a_wrong_type_is_refused(codec):
    assert read(framed(hidden())).properties == {"method": "paint"}
    with pytest.raises(DecodeError, match=r"the keys of node\.counts are i64 on the wire, and string in the"):
        read(framed(hidden()), codec=codec)


@pytest.mark.parametrize("transport", [framed, unframed, header, zipped])
def test_it_is_refused_in_every_transport(codec, transport):
    (metadata,) = outcome(codec, [transport(hidden())]).messages
    assert "the keys of node.counts are i64" in metadata.error.message


def test_it_is_refused_where_frames_are_trusted(path):
    codec = ThriftCodec(idl=path, trust_frames=True)
    assert "the keys of node.counts" in refusal(codec, "strict", hidden()[17:]).message


@pytest.mark.parametrize("protocol", WRITERS)
def test_fields_that_the_definition_does_not_have_pass(codec, protocol):
    unknown = {
        "strict": hx("0f0009 08 00000001 00000005 0c000a 0f0001 02 00000001 01 00 00"),
        "compact": hx("99 15 0a 1c 19 11 01 00 00"),
        "json": b'{"9":{"lst":["i32",1,5]},"10":{"rec":{"1":{"lst":["tf",1,1]}}}}',
    }
    struct = unknown["strict" if protocol == "non-strict" else protocol]
    assert read(framed(WRITERS[protocol](CALL, "paint", 7, struct)), codec=codec).request_id == 7


@pytest.mark.parametrize("protocol", WRITERS)
def test_methods_that_the_definition_does_not_have_are_refused(codec, protocol):
    metadata = refused(codec, protocol, STRUCTS[protocol]["nothing"], name="erase")
    assert metadata.error.message == "the interface definition has no method 'erase'"
    assert metadata.expects_reply


def test_methods_of_a_service_that_another_one_extends_are_there(codec):
    assert read(framed(strict(CALL, "ping", 7, hx("00"))), codec=codec).operation == "ping"


def test_a_multiplexed_call_is_held_to_its_service(codec):
    since, name = hx("040001 0000000000000000 00"), hx("0b0001 00000000 00")
    assert read(framed(strict(ONEWAY, "Painter:forget", 7, since)), codec=codec).properties["service"] == "Painter"
    assert "name is double" in refusal(codec, "strict", since, "Other:forget").message
    assert "since is string" in refusal(codec, "strict", name, "Painter:forget").message


@pytest.mark.parametrize("name", ["forget", "Registered:forget"])
def test_where_nothing_tells_the_service_a_call_has_to_fit_every_method_of_its_name(codec, name):
    for struct in (hx("040001 0000000000000000 00"), hx("0b0001 00000000 00")):
        assert "in the interface definition" in refusal(codec, "strict", struct, name).message
    assert read(framed(strict(CALL, "same", 7, hx("080001 00000001 00"))), codec=codec).request_id == 7


@pytest.mark.parametrize("protocol", WRITERS)
def test_a_oneway_call_of_a_method_that_answers_is_refused(codec, protocol):
    """Servers answer by the method, not by the type of the call, and nobody waits for that answer."""
    metadata = refused(codec, protocol, RIGHT[protocol], kind=ONEWAY)
    assert "a oneway call of 'paint', which is not oneway in the interface definition" in metadata.error.message
    assert codec.on_error(metadata, Error(ErrorType.BAD_REQUEST)) == b""


@pytest.mark.parametrize("protocol", WRITERS)
@pytest.mark.parametrize("kind", [CALL, ONEWAY])
def test_a_call_of_a_oneway_method_expects_no_reply_whatever_its_type(codec, protocol, kind):
    """Go sends it as a plain call, and no server answers."""
    since = {"compact": hx("17 0000000000000000 00"), "json": b'{"1":{"dbl":0}}'}.get(
        protocol, hx("040001 0000000000000000 00")
    )
    metadata = read(framed(WRITERS[protocol](kind, "Painter:forget", 7, since)), codec=codec)
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.ONEWAY, False)


@pytest.mark.parametrize("kind", [CALL, ONEWAY])
def test_where_only_one_of_several_methods_is_oneway_a_call_may_be_answered(codec, kind):
    call = framed(strict(kind, "forget", 7, hx("00")))
    metadata = codec.decode(call, SERVER)
    assert (metadata.message_type, metadata.error is None) == (
        (MessageType.REQUEST, True) if kind == CALL else (MessageType.ONEWAY, False)
    )


def test_replies_are_not_checked(codec):
    result = framed(strict(REPLY, "paint", 7, hx("080000 00000001 00")))
    assert read(result, CLIENT, codec=codec) == read(result, CLIENT)


def test_structs_in_structs_are_bounded_by_max_elements(path):
    codec = ThriftCodec(idl=path, limits=Limits(max_elements=1000))
    deep = hx("0c0001") + hx("0c0005") * 2000 + hx("00") * 2002
    error = codec.decode(framed(strict(CALL, "paint", 7, deep)), SERVER).error
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_elements"
    assert error.field == "node.inner.inner.inner.inner.inner.inner.inner…"


@pytest.mark.parametrize("protocol", WRITERS)
def test_arguments_that_are_cut_off_are_an_error_wherever_they_end(codec, protocol):
    message = WRITERS[protocol](CALL, "paint", 7, RIGHT[protocol])
    for end in range(len(message) - len(RIGHT[protocol]), len(message)):
        with pytest.raises(DecodeError):
            read(framed(message[:end]), codec=codec)


@pytest.mark.parametrize("protocol", WRITERS)
@given(data=st.data())
def test_arguments_with_wrong_bytes_are_read_or_refused(codec, protocol, data):
    struct = bytearray(RIGHT[protocol])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(struct) - 1))
        replacement = st.binary(max_size=2) | st.sampled_from(NOTABLE)
        struct[at : at + data.draw(st.integers(0, 2))] = data.draw(replacement)
    with suppress(ProtocolError):  # any other exception would be a bug
        read(framed(WRITERS[protocol](CALL, "paint", 7, bytes(struct))), codec=codec)


def test_a_codec_of_a_definition_has_examples_of_replies_alone(codec):
    directions = [direction for direction, _ in codec.examples()]
    assert directions
    assert set(directions) == {CLIENT}


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(CodecLoadError, match=r"absent\.thrift"):
        load_codec("thrift", idl=str(tmp_path / "absent.thrift"))
