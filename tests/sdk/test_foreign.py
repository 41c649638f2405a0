"""Other protocols are told by their first bytes."""

import gzip
import lzma
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import Lines, Netstrings, byte_by_byte, codec_for

from metaprotocol_sdk import (
    Direction,
    Framing,
    HeaderLength,
    IncompleteMessage,
    LengthField,
    LimitExceeded,
    Limits,
    MessageDecoder,
    ProtocolError,
    load_codec,
)
from metaprotocol_sdk.foreign import LOOKED_AT, looks_like

HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND"]

# What was sent to a Thrift or Dubbo port in the field's accidents, as hex.
ACCIDENTS = {
    "504f5354202f20485454502f312e310d0a486f73743a20780d0a": "HTTP/1",
    "474554202f6865616c74687a20485454502f312e310d0a0d0a": "HTTP/1",
    "48454144202f20485454502f312e310d0a0d0a": "HTTP/1",
    "4f5054494f4e53202a20485454502f312e310d0a0d0a": "HTTP/1",
    "474554202f6865616c746820485454502f312e310d0a486f73743a20780d0a0d0a": "HTTP/1",
    "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a": "HTTP/2",
    "16030300c8010000c40303": "TLS 1.2 or 1.3 (ClientHello)",
    "16030100c8010000c40303": "TLS 1.2 or 1.3 (ClientHello)",
    "16030100c8010000c40301": "TLS 1.0 (ClientHello)",
    "0100000005504c41494e05000000080061646d696e0061": "SASL (Thrift's TSaslTransport)",
    "0100000006475353415049020000010060606060606060": "SASL (Thrift's TSaslTransport)",
    "0000002a100000000000000100020000000000000000080010001000000016d0": "TTHeader (Kitex)",
    "dabbe2000000000000000001000000014e": "Dubbo",
    "50524f5859205443503420312e322e332e3420352e362e372e38203120320d0a": "PROXY protocol v1",
    "68656c700d0a": "a line of text (telnet)",
    "6c730d0a": "a line of text (telnet)",
    "737461747573202d6c0d0adabbc20000000000000000010000001b": "a line of text (telnet)",
}

NAMED = {
    "HTTP/1": [b"HTTP/1.1 400 Bad Request\r\n", b"HTTP/1.0 200 OK", b"GET http://a/ HTTP/1.1", b"GET "],
    "HTTP/2": [bytes.fromhex("00000c04000000000000030000006400040010")],
    "PROXY protocol v1": [b"PROXY UNKNOWN\r\n", b"PROXY TCP6 ::1"],
    "PROXY protocol v2": [bytes.fromhex("0d0a0d0a000d0a515549540a2111000c")],
    "SSH": [b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-"],
    "SSL 2.0 (ClientHello)": [bytes.fromhex("802e0100020015"), bytes.fromhex("804c010301003300")],
    "SSL 3.0 (ClientHello)": [bytes.fromhex("160300004d010000490300")],
    "TLS 1.1 (ClientHello)": [bytes.fromhex("160301004d010000490302")],
    "TLS 1.2 or 1.3 (ServerHello)": [bytes.fromhex("160303007a020000760303")],
    "TLS (handshake)": [bytes.fromhex("160301"), bytes.fromhex("16030102000100")],
    "TLS (alert)": [bytes.fromhex("15030100020246"), bytes.fromhex("15030300020228")],
    "TLS (application data)": [bytes.fromhex("1703030045")],
    "telnet": [bytes.fromhex("fffd18fffd20"), bytes.fromhex("fffb01")],
    "Dubbo": [bytes.fromhex("dabb021400000000")],
    "Thrift": [
        bytes.fromhex("80010001000000046563686f"),
        bytes.fromhex("0000001180010001000000046563686f"),
        bytes.fromhex("822101046563686f"),
        bytes.fromhex("000000178241808004046563686f"),
    ],
    "Thrift with THeader": [bytes.fromhex("000000220fff00000000000100010000")],
    "bRPC": [b"PRPC\0\0\0\x20\0\0\0\x10"],
    "tRPC": [bytes.fromhex("09300000000000600040000000000000")],
    "RocketMQ": [b'\0\0\x01\x10\0\0\0\xd4{"code":105'],
    "Redis": [
        b"*1\r\n$4\r\nPING\r\n",
        b"*3\r\n",
        b"PING\r\n",
        b"GET key\r\n",
        b"+OK\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"-ERR unknown command",
        b"$-1\r\n",
        b":42\r\n",
        b"%7\r\n$6\r\nserver",
    ],
    "memcached": [b"get key\r\n", b"set key 0 0 5\r\n", b"version\r\n", b"STORED\r\n"],
    "MySQL": [b"\x4a\0\0\0\x0a8.0.36\0", b"\x5b\0\0\0\x0a5.5.5-10.11.6-MariaDB\0"],
    "PostgreSQL": [bytes.fromhex("0000000804d2162f"), b"\0\0\0\x26\0\x03\0\0user\0app\0"],
    "MongoDB": [bytes.fromhex("3a0000000100000000000000d4070000")],
    "Kafka": [b"\0\0\0\x2e\0\x12\0\x03\0\0\0\0\0\x0aproducer-1", bytes.fromhex("0000000e0012000000000001ffff")],
    "ZooKeeper": [bytes.fromhex("0000002d000000000000000000000000"), b"ruok"],
    "MQTT": [b"\x10\x10\0\x04MQTT\x04\x02", b"\x10\x8b\x01\0\x06MQIsdp\x03"],
    "AMQP": [b"AMQP\0\0\x09\x01", b"AMQP\x03\x01\0\0"],
    "NATS": [b'INFO {"server_id":"', b'CONNECT {"verbose":false'],
    "SMTP": [b"EHLO client.example\r\n"],
    "SMTP or FTP": [b"220 mail.example ESMTP\r\n"],
    "SIP": [b"INVITE sip:bob@example.org SIP/2.0\r\n"],
    "RDP": [bytes.fromhex("030000130ee000000000000100080003000000")],
    "SMB": [bytes.fromhex("00000045ff534d4272")],
    "gzip": [gzip.compress(b"hello", mtime=0)],
    "zstd": [bytes.fromhex("28b52ffd2004210000")],
    "xz": [lzma.compress(b"hello")],
    "bzip2": [b"BZh91AY&SY\x19"],
    "lz4": [bytes.fromhex("04224d186440a7")],
    "zip": [b"PK\x03\x04\x14\0"],
    "XML": [b"<?xml version='1.0'?>"],
    "JSON": [b'{"jsonrpc": "2.0"', b'[{"a":1}]'],
    "a line of text (telnet)": [b"help\n", b"?\r\n", b"invoke Demo.hello()\r\n"],
}


@pytest.mark.parametrize(("data", "name"), ACCIDENTS.items(), ids=lambda value: value[:24])
def test_what_has_reached_the_wrong_port_is_named(data: str, name: str) -> None:
    assert looks_like(bytes.fromhex(data)) == name


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, many in NAMED.items() for data in many])
def test_first_bytes_are_named(name: str, data: bytes) -> None:
    assert looks_like(data) == name


@pytest.mark.parametrize("method", HTTP_METHODS)
def test_every_method_of_http_is_known(method: str) -> None:
    target = "example.org:443" if method == "CONNECT" else "/path"
    assert looks_like(f"{method} {target} HTTP/1.1\r\n".encode()) == "HTTP/1"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "16",
        "1603",
        "1503030002"[:6],
        "160305",  # there is no such version
        "1603010000",  # a record is not empty
        "160301ffff",  # nor so long
        "dabb",
        "8001",
        "ff",
        "0d0a0d0a",
        "1f8b",
        "00000004000000000000000400000000",  # lengths and zeros
        "00000010000000000000000000000000",
        "ffffffffffffffffffffffffffffffff",
        "474554",  # GET, and nothing after it
        "5a6fc3ab0d0a",  # a letter and what is not ASCII
        "4152010000000001000000330007000000",  # AwesomeRPC
    ],
)
def test_what_begins_no_protocol_or_is_too_short_has_no_name(data: str) -> None:
    assert looks_like(bytes.fromhex(data)) == ""


@pytest.mark.parametrize("data", [data for many in NAMED.values() for data in many])
def test_a_first_byte_alone_says_nothing(data: bytes) -> None:
    assert looks_like(data[:1]) == ""


@given(st.binary(max_size=200))
def test_only_the_first_bytes_count(data: bytes) -> None:
    assert looks_like(data) == looks_like(bytearray(data)) == looks_like(memoryview(data)[:LOOKED_AT])


def test_random_bytes_have_no_name() -> None:
    """Of a hundred thousand, at most ten do."""
    generator = random.Random(0)
    assert sum(looks_like(generator.randbytes(16)) != "" for _ in range(100_000)) <= 10


@pytest.mark.parametrize("size", [2, 3, 4])
def test_few_random_bytes_have_no_name(size: int) -> None:
    generator = random.Random(size)
    assert sum(looks_like(generator.randbytes(size)) != "" for _ in range(10_000)) <= 1


def failure(decoder: MessageDecoder, *chunks: bytes) -> ProtocolError:
    """Return the error that ends a stream of these chunks."""
    with suppress(ProtocolError):
        for chunk in chunks:
            decoder.feed(chunk)
        decoder.eof()
    assert decoder.stream_error is not None
    return decoder.stream_error


class TestHints:
    """The errors of a decoder for them."""

    @pytest.mark.parametrize("codec", ["awesomerpc", "dubbo", "thrift"])
    @pytest.mark.parametrize(("data", "name"), ACCIDENTS.items(), ids=lambda value: value[:24])
    def test_every_codec_names_them(self, codec: str, data: str, name: str) -> None:
        if name.lower() != codec:
            decoder = MessageDecoder(load_codec(codec), Direction.TO_SERVER)
            assert failure(decoder, bytes.fromhex(data)).hint == f"these bytes look like {name}"

    @pytest.mark.parametrize(
        "framing",
        [
            LengthField(4, 4, magic=b"OK"),
            LengthField(0, 4),  # GET_ is 1.2 GB
            HeaderLength(6, lambda header: int.from_bytes(header[:4]), magic=(b"AB", b"CD")),
            HeaderLength(6, lambda header: 0),
            Netstrings(),
        ],
        ids=["magic", "length", "magics", "header", "scanner"],
    )
    def test_every_framing_does(self, framing: Framing) -> None:
        decoder = MessageDecoder(codec_for(framing), Direction.TO_SERVER)
        assert failure(decoder, b"GET / HTTP/1.1\r\n").hint == "these bytes look like HTTP/1"

    def test_a_message_that_never_ends_is_named(self) -> None:
        """Its first four bytes are a length that fits the limits."""
        codec = codec_for(LengthField(0, 4), limits=Limits(max_message_size=2**31))
        error = failure(MessageDecoder(codec, Direction.TO_SERVER), b"GET ", b"/ HTTP/1.1\r\n\r\n")
        assert isinstance(error, IncompleteMessage)
        assert str(error).startswith("these bytes look like HTTP/1: ")

    def test_a_line_without_an_end_is_named(self) -> None:
        codec = codec_for(Lines(), limits=Limits(max_message_size=100))
        error = failure(MessageDecoder(codec, Direction.TO_SERVER), b"SSH-2.0-", b"x" * 100)
        assert isinstance(error, LimitExceeded)
        assert error.hint == "these bytes look like SSH"

    def test_the_bytes_count_that_begin_the_message_and_not_the_stream(self) -> None:
        codec = codec_for(LengthField(2, 1, magic=b"OK"))
        decoder = MessageDecoder(codec, Direction.TO_SERVER)
        assert len(decoder.feed(b"OK\x01a")) == 1
        assert failure(decoder, b"\x16\x03\x01\x00\xc8").hint == "these bytes look like TLS (handshake)"

    def test_bytes_that_came_before_are_counted_in(self) -> None:
        decoder = MessageDecoder(codec_for(HeaderLength(5, lambda header: 0)), Direction.TO_SERVER)
        assert failure(decoder, *byte_by_byte(b"SSH-2.0")).hint == "these bytes look like SSH"

    def test_too_few_bytes_have_no_name_and_the_frameworks_own_hint_stays(self) -> None:
        decoder = MessageDecoder(load_codec("dubbo"), Direction.TO_SERVER)
        assert failure(decoder, *byte_by_byte(b"GET / HTTP/1.1")).hint.startswith("is this the right protocol")

    def test_a_codec_is_not_told_that_bytes_look_like_its_own_protocol(self) -> None:
        decoder = MessageDecoder(load_codec("dubbo"), Direction.TO_SERVER)
        assert failure(decoder, bytes.fromhex("dabbc200000000000000000100000010 05")).hint == ""

    def test_a_fault_far_inside_a_message_says_nothing_of_other_protocols(self) -> None:
        decoder = MessageDecoder(codec_for(Lines()), Direction.TO_SERVER)
        assert failure(decoder, b"GET /" + b"x" * LOOKED_AT + b"\0\r\n").hint == ""
