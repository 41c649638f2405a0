"""Rules match on the keys that servers act on; a header that servers read differently is refused or incomplete."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import decode
from theader_readers import INFORMATION, READERS
from thrift_messages import CALL, CLIENT, CODEC, SERVER, entry, framed, header, hx, in_header, read, run, strict, varint
from toy_protocols import byte_by_byte, outcome

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.names import FIELDS
from metaprotocol_sdk import DecodeError, Error, ErrorType, FramingError, MessageType, Mutation, ProtocolError
from metaprotocol_sdk.entries import decode_text

PING = strict(CALL, "ping", 7, hx("00"))
KEYS = run({"k": "v"})

# Numbers that readers cut to 32 or to 64 bits, and such that are written with more bytes than they need.
_NUMBERS = st.integers(0, 3) | st.sampled_from([2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**35 + 1, 2**64 + 1, 2**32 - 1])
_VARINTS = _NUMBERS.map(varint) | st.sampled_from([hx("8100"), hx("8000"), hx("818000")])
_ENTRIES = st.builds(entry, st.sampled_from(["a", "b", "method", ""]), st.sampled_from(["", "1", "2"]))
_RUNS = st.lists(_ENTRIES, max_size=3).map(lambda entries: b"\x01" + varint(len(entries)) + b"".join(entries))
_PARTS = st.lists(_RUNS | _VARINTS | _ENTRIES | st.binary(max_size=3), max_size=5).map(b"".join)


def server_keys(library, information):
    """Return the keys that a library's server reads, or None if it refuses the message."""
    keys = READERS[library](information + bytes(-(2 + len(information)) % 4))
    if keys is None:
        return None
    texts = {decode_text(key): decode_text(value) for key, value in keys.items()}
    return {key: value for key, value in texts.items() if key not in FIELDS}


def assert_every_server_reads(information, properties):
    keys = {key: value for key, value in properties.items() if key != "method"}
    for library in READERS:
        assert server_keys(library, information) in (None, keys), library


@given(_PARTS)
def test_every_server_reads_the_keys_of_a_message_that_is_complete(information):
    try:
        metadata = read(in_header(PING, information=information))
    except ProtocolError:
        return
    if not metadata.incomplete:
        assert_every_server_reads(information, metadata.properties)


@pytest.mark.parametrize(
    "what",
    [
        "a key twice in a run",
        "a key twice in two runs",
        "an empty run before another",
        "an empty key",
        "the names of fields",
        "padding before a run",
        "padding of two bytes before a run",
        "numbers with zeros before them",
    ],
)
def test_what_all_servers_read_alike_is_complete(what):
    information = hx(INFORMATION[what])
    metadata = read(in_header(PING, information=information))
    assert metadata.incomplete == ""
    assert_every_server_reads(information, metadata.properties)


@pytest.mark.parametrize(
    "what", ["kind 2 before a run", "kind 2 after a run", "kind 3 before a run", "kind 2^31 - 1 before a run"]
)
def test_information_of_another_kind_makes_the_properties_incomplete(what):
    """Apache's servers stop reading at it. Kind 2 holds the persistent keys of Facebook's Thrift."""
    metadata = read(in_header(PING, information=hx(INFORMATION[what])))
    assert "the header has information of the unknown kind" in metadata.incomplete


def test_the_reason_names_kind_and_place():
    metadata = read(in_header(PING, information=KEYS + hx("02 01 01 62 01 32")))
    assert metadata.properties == {"method": "ping", "k": "v"}
    assert metadata.incomplete == "the header has information of the unknown kind 2 at offset 22"


def test_a_key_that_is_set_before_such_information_leaves_it_incomplete():
    metadata = read(in_header(PING, information=hx("02 01 01 62 01 32")))
    changed = read(CODEC.encode(metadata, Mutation(k="v")))
    assert changed.properties["k"] == "v"
    assert changed.incomplete


@pytest.mark.parametrize(
    "what",
    [
        "kind 2^31 before a run",
        "kind 2^32 - 1 before a run",
        "kind 2^32 + 1",
        "kind 2^35 + 1",
        "kind 2^64 + 1",
    ],
)
def test_a_kind_that_servers_cut_to_32_bits_is_refused(what):
    """C++ and Go take 2^32 + 1 for 1, keys and values. C++ takes 2^31 for a negative kind and reads on."""
    information = hx(INFORMATION[what])
    assert len({str(server_keys(library, information)) for library in READERS}) > 1
    with pytest.raises(DecodeError, match="has more than 31 bits, and servers differ in which kind that is"):
        read(in_header(PING, information=information))


def test_a_count_over_the_end_of_the_header_is_refused():
    """C++ and Node take the keys that are there."""
    with pytest.raises(DecodeError, match="ends in the middle of its information"):
        read(in_header(PING, information=hx(INFORMATION["a count over the header"])))


CLOSING = in_header(b"", 2)


def test_a_header_alone_is_the_event_that_cpp_clients_send_when_they_close():
    metadata = read(CLOSING)
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.EVENT, False)


@pytest.mark.parametrize(
    "data",
    [
        in_header(b"", information=KEYS),
        in_header(b"", information=run({"method": "x"})),
        in_header(b"", information=hx("02 00")),
        in_header(hx("789c 0300 00000001"), transforms=(1,)),
    ],
    ids=["a key", "a key with the name of a field", "information of kind 2", "packed"],
)
def test_a_header_alone_with_keys_is_refused_on_the_way_to_a_server(data):
    """Go serves the next call with the keys of this header."""
    metadata = CODEC.decode(data, SERVER)
    assert "a header without a message goes to a server" in str(metadata.error)
    assert (metadata.message_type, metadata.expects_reply) == (MessageType.REQUEST, False)
    assert CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST)) == b""
    assert read(data, CLIENT).message_type is MessageType.EVENT


@pytest.mark.parametrize("following", [header(PING), framed(PING), PING, CLOSING, b"x"])
@pytest.mark.parametrize("codec", [CODEC, ThriftCodec(transport="header")])
def test_nothing_follows_a_header_alone_on_the_way_to_a_server(codec, following):
    """Go serves the next call with the keys of this header, here with none."""
    stream = header(PING) + CLOSING + following
    decoded = decode(codec, SERVER, [stream])
    assert [metadata.message for metadata in decoded.messages] == [header(PING), CLOSING]
    assert isinstance(decoded.error, FramingError)
    assert "a message follows a header without one" in str(decoded.error)
    assert decoded.error.offset == len(header(PING) + CLOSING)
    assert outcome(codec, byte_by_byte(stream)) == outcome(codec, [stream])


def test_a_header_alone_of_any_size_is_seen_in_any_pieces():
    closing = in_header(b"", 2, padding=4 * 300 - 2)
    stream = closing + PING
    for size in (1, 3, 13, 14, 15, len(closing), len(stream)):
        decoded = decode(CODEC, SERVER, [stream[at : at + size] for at in range(0, len(stream), size)])
        assert [metadata.message for metadata in decoded.messages] == [closing]
        assert isinstance(decoded.error, FramingError)


def test_servers_may_go_on_after_a_header_alone():
    reply = header(strict(2, "ping", 7, hx("00")))
    decoded = decode(CODEC, CLIENT, [CLOSING + reply])
    assert decoded.error is None
    assert [metadata.message for metadata in decoded.messages] == [CLOSING, reply]
