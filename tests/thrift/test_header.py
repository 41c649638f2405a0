"""THeader: keys, transforms, and what is wrong with a header."""

import zlib

import pytest
from recordings import decode
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.Thrift import TMessageType
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID, THeaderTransformID
from thrift.transport.TTransport import TMemoryBuffer
from thrift_messages import CALL, CODEC, SERVER, compact, framed, hx, in_header, read, run, strict

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits, MessageType

PING = strict(CALL, "ping", 7, hx("00"))
EVERY_CLIENT = [THeaderClientType.HEADERS]


def by_apache(protocol_id, transforms=(), headers=(), seqid=7):
    """Return a call of `ping` as Apache's own library writes it."""
    buffer = TMemoryBuffer()
    protocol = THeaderProtocol(buffer, EVERY_CLIENT, protocol_id)
    for transform in transforms:
        protocol.add_transform(transform)
    for key, value in headers:
        protocol.set_header(key, value)
    protocol.writeMessageBegin("ping", TMessageType.CALL, seqid)
    protocol.writeStructBegin("")
    protocol.writeFieldStop()
    protocol.writeStructEnd()
    protocol.writeMessageEnd()
    protocol.trans.flush()
    return buffer.getvalue()


@pytest.mark.parametrize("protocol_id", [THeaderSubprotocolID.BINARY, THeaderSubprotocolID.COMPACT])
@pytest.mark.parametrize("transforms", [(), (THeaderTransformID.ZLIB,), (THeaderTransformID.ZLIB,) * 2])
@pytest.mark.parametrize("headers", [[], [(b"a", b"1")], [(b"x-request-id", b"42"), (b"", b""), (b"long", b"v" * 300)]])
def test_what_apache_writes_is_read(protocol_id, transforms, headers):
    metadata = read(by_apache(protocol_id, transforms, headers, seqid=300))
    assert metadata.properties == {"method": "ping", **{key.decode(): value.decode() for key, value in headers}}
    assert metadata.request_id == 300
    assert metadata.error is None


def test_a_header_word_for_word():
    data = hx(
        "0000002f 0fff 0000 00000007 0003"  # length, magic, flags, sequence id, words
        "02 00 01 01 03 616263 03 646566"  # compact, no transforms, one key
        "8221 07 04 70696e67 00"
    )
    data = (len(data) - 4).to_bytes(4) + data[4:]
    metadata = read(data)
    assert metadata.properties == {"method": "ping", "abc": "def"}
    assert metadata.header_size == len(data) - 1


def test_of_a_key_that_comes_twice_the_last_value_counts_across_runs_too():
    assert read(in_header(PING, information=run([("k", "1"), ("k", "2")]))).properties["k"] == "2"
    assert read(in_header(PING, information=run([("k", "1")]) + run([("k", "3")]))).properties["k"] == "3"


@pytest.mark.parametrize("key", ["method", "service", "error", "Service", "METHOD"])
def test_no_key_passes_for_a_field_of_the_message(key):
    metadata = read(in_header(PING, information=run({key: "forged", "other": "kept"})))
    assert metadata.properties == {"method": "ping", "other": "kept"}
    assert metadata.operation == "ping"


def test_keys_that_are_no_utf_8_are_kept_byte_for_byte():
    metadata = read(in_header(PING, information=run({b"k\xff": b"\xc3("})))
    ((key, value),) = [pair for pair in metadata.properties.items() if pair[0] != "method"]
    assert (key.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")) == (b"k\xff", b"\xc3(")


@pytest.mark.parametrize("rest", ["", "00", "0000000000", "02 01 01 61 01 62", "7f ff ff"])
def test_after_padding_and_unknown_information_nothing_is_read(rest):
    hidden = run({"k": "hidden"}) if rest else b""
    metadata = read(in_header(PING, information=run({"a": "1"}) + hx(rest) + hidden))
    assert metadata.properties == {"method": "ping", "a": "1"}


def test_a_number_that_is_written_too_long_hides_no_key():
    """Apache's readers take 81 00 for 1: keys and values follow."""
    metadata = read(in_header(PING, information=hx("8100 8100 8100 6b 8100 76")))
    assert metadata.properties["k"] == "v"


def test_a_non_strict_message_is_read_too():
    assert read(in_header(hx("00000004 70696e67 01 00000007 00"))).properties["method"] == "ping"


def test_what_zlib_flushed_without_an_end_is_read_as_by_apache():
    packing = zlib.compressobj()
    payload = packing.compress(PING) + packing.flush(zlib.Z_SYNC_FLUSH)
    assert read(in_header(payload, transforms=(1,))).properties["method"] == "ping"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (in_header(PING, transforms=(3,)), "the transform snappy, and only zlib can be undone"),
        (in_header(PING, transforms=(1, 77)), "the transform number 77, and only zlib can be undone"),
        (in_header(PING, transforms=(1,)), "zlib transform cannot be undone"),
        (in_header(zlib.compress(PING) + b"x", transforms=(1,)), "1 bytes follow what zlib packed"),
        (in_header(PING, 1), "THeader has no protocol 1; it has 0, binary, and 2, compact"),
        (in_header(PING, 2), "the header says compact, and the message begins with 80"),
        (in_header(compact(CALL, "m", 0, b"\0")), "the header says binary, and the message begins with 82"),
        (in_header(PING[:10]), "ends in the middle of its head"),
        (in_header(PING + b"\0"), "1 bytes follow the message in its frame"),
        (in_header(PING[:-1]), "ends in the middle of its struct"),
    ],
)
def test_what_cannot_be_read_says_why_and_can_still_be_told_apart(data, what):
    metadata = CODEC.decode(data, SERVER)
    assert what in str(metadata.error)
    assert metadata.request_id == 7
    assert 0 <= metadata.error.offset <= len(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (in_header(PING, information=hx("01 02 01 61 01 62")), "ends in the middle of its information"),
        (in_header(PING, information=hx("01 01 01 61 7f 62")), "ends in the middle of its information"),
        (in_header(PING, information=hx("01 01 7f")), "ends in the middle of its information"),
        (in_header(PING, information=b"\x80" * 12), "a variable-length integer is longer than 10 bytes"),
    ],
)
def test_a_header_whose_information_cannot_be_read_says_why(data, what):
    with pytest.raises(DecodeError, match=what) as caught:
        read(data)
    assert 0 <= caught.value.offset <= len(data)


def test_an_unknown_transform_leaves_the_keys_readable_and_the_connection_alive():
    first, second = decode(
        CODEC, SERVER, [in_header(PING, transforms=(5,), information=run({"k": "v"})) + PING]
    ).messages
    assert first.properties == {"k": "v"}
    assert (first.message_type, first.request_id, first.expects_reply) == (MessageType.REQUEST, 7, False)
    assert second.properties["method"] == "ping"


@pytest.mark.parametrize(
    "data",
    [
        framed(hx("0fff 0000 00000007")),
        framed(hx("0fff 0000 00000007 0009 0000 0000")),
        framed(hx("0ffe 0000 00000007 0001 0000 0000")),
        framed(hx("0fff 0000 00000007 0000")),
    ],
    ids=["cut off", "too many words", "another magic", "no words"],
)
def test_a_broken_header_does_not_end_the_connection(data):
    first, second = decode(CODEC, SERVER, [data + framed(PING)]).messages
    assert isinstance(first.error, DecodeError)
    assert second.error is None


def test_the_header_is_bounded_by_the_limits():
    data = in_header(PING, information=run({"key": "value", "other": "value"}))
    for limit, value in (
        ("max_header_size", 20),
        ("max_elements", 1),
        ("max_key_length", 3),
        ("max_value_length", 4),
    ):
        with pytest.raises(LimitExceeded, match=limit):
            read(data, codec=ThriftCodec(limits=Limits(**{limit: value})))


def test_the_largest_header_that_can_be_is_no_larger_than_the_default_limit():
    information = run([("k", "v" * 65_000)] * 4)
    rest = 4 * 0xFFFF - len(information) - 2  # the protocol and the number of transforms are in the words too
    data = in_header(PING, information=information, padding=rest)
    assert data[12:14] == hx("ffff")
    assert read(data).error is None


def test_a_zlib_bomb_is_bounded_in_what_it_makes():
    bomb = zlib.compress(bytes(30_000_000))
    assert len(bomb) < 30_000
    for transforms in ((1,), (1, 1)):
        payload = bomb if len(transforms) == 1 else zlib.compress(bomb)
        with pytest.raises(LimitExceeded, match="max_decompressed_size"):
            read(in_header(payload, transforms=transforms))


def test_all_transforms_of_a_message_share_one_bound():
    payload = PING
    for _ in range(10):
        payload = zlib.compress(payload)
    data = in_header(payload, transforms=(1,) * 10)
    assert read(data).properties["method"] == "ping"
    with pytest.raises(LimitExceeded, match="max_decompressed_size"):
        read(data, codec=ThriftCodec(limits=Limits(max_decompressed_size=len(PING) + 20)))
