"""The first bytes of a connection or of a message tell its protocol."""

from typing import Any

import pytest
from live_engine.toys import Fifo

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_envoy.detect import Detection, detect, size_of
from metaprotocol_sdk import Direction, load_codec

awesome = AwesomeRpcCodec()
MESSAGE = awesome.build(0, 1, 7, headers={"service": "s"}, payload=bytes(100))


@pytest.mark.parametrize("codec", [awesome, load_codec("dubbo"), load_codec("thrift"), Fifo()], ids=lambda c: c.name)
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: a\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(20),
    ],
    ids=["HTTP/1", "HTTP/2", "TLS"],
)
def test_http_and_tls_are_foreign(codec: Any, head: bytes) -> None:
    assert detect(codec, head) is Detection.FOREIGN


@pytest.mark.parametrize("size", [16, 64, len(MESSAGE)])
def test_a_message_that_begins_well_is_ours(size: int) -> None:
    assert detect(awesome, MESSAGE[:size]) is Detection.OURS


def test_few_bytes_may_be_anything() -> None:
    assert detect(awesome, b"AR") is Detection.UNSURE
    assert detect(awesome, b"A") is Detection.UNSURE
    assert detect(awesome, b"AX") is Detection.FOREIGN


def test_the_size_of_a_message_is_known_from_its_header() -> None:
    assert size_of(awesome, MESSAGE[:20], Direction.TO_SERVER) == len(MESSAGE)
    assert size_of(awesome, MESSAGE + MESSAGE, Direction.TO_SERVER) == len(MESSAGE)
    assert size_of(awesome, MESSAGE[:5], Direction.TO_SERVER) <= len(MESSAGE)


def test_the_size_of_what_is_not_a_message_is_not_known() -> None:
    assert size_of(awesome, b"GET / HTTP/1.1\r\n", Direction.TO_SERVER) == 0


def test_the_size_is_not_asked_of_a_decoder_in_the_middle_of_a_message() -> None:
    from metaprotocol_envoy import Settings
    from metaprotocol_envoy.connection import Connection
    from metaprotocol_envoy.service import Service

    connection = Connection(Service(Settings(codec="awesomerpc")))
    assert connection.size_of(MESSAGE[:64]) == len(MESSAGE)
    connection.feed(MESSAGE[:30])
    assert connection.size_of(MESSAGE[:64]) == 0
