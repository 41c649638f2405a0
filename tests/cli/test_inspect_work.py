"""The search for the next message after bad bytes takes the same work for each byte, however many there are."""

import pytest
from work import lines_run

import metaprotocol_cli
import metaprotocol_codecs
import metaprotocol_sdk
from metaprotocol_cli.inspect.streams import StreamReader
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Direction

PIECE = 4_096


@pytest.mark.parametrize("pattern", [b"\xda\xbb", b"\xda\xbb\x00", b"\xda\xbb" + bytes(9)], ids=bytes.hex)
def test_a_magic_that_is_repeated_costs_the_same_at_every_size(pattern: bytes) -> None:
    def work(size: int) -> int:
        data = (pattern * size)[:size]

        def read() -> None:
            reader = StreamReader(DubboCodec(), Direction.TO_SERVER)
            for start in range(0, size, PIECE):
                list(reader.feed(data[start : start + PIECE]))

        return lines_run(read, metaprotocol_cli, metaprotocol_codecs, metaprotocol_sdk)

    work(PIECE)
    small, large = work(4 * PIECE), work(16 * PIECE)
    assert large < 4.4 * small
