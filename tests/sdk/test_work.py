"""The cost of a byte does not depend on how many there are, even if they come one at a time.

Work is counted, not timed: lines of the SDK that ran, and bytes that were shown to a scanner.
"""

from collections.abc import Callable

import pytest
from toy_protocols import Lines, Netstrings, byte_by_byte, codec_for, outcome
from work import lines_run

import metaprotocol_sdk
from metaprotocol_sdk import Direction, Framing, HeaderLength, LengthField, Limits, Scanner

SIZES = [300, 3_000, 30_000]


def length_field(size: int) -> bytes:
    return bytes(12) + (size - 16).to_bytes(4) + bytes(size - 16)


def length_of_three(size: int) -> bytes:
    return (size - 3).to_bytes(3, "little") + bytes(size - 3)


def line(size: int) -> bytes:
    return b"x" * (size - 2) + b"\r\n"


def netstring(size: int) -> bytes:
    length = size - 2 - len(str(size))
    return f"{length}:".encode() + bytes(length) + b","


SHAPES = [
    pytest.param(LengthField(12, 4), length_field, id="LengthField"),
    pytest.param(LengthField(0, 3, byte_order="little"), length_of_three, id="LengthField of 3 bytes"),
    pytest.param(HeaderLength(16, lambda header: 16 + int.from_bytes(header[12:])), length_field, id="HeaderLength"),
    pytest.param(Lines(), line, id="scanner of lines"),
    pytest.param(Netstrings(), netstring, id="scanner of netstrings"),
]


@pytest.mark.parametrize(("framing", "make"), SHAPES)
def test_the_cost_of_a_byte_is_flat_when_a_message_comes_byte_by_byte(
    framing: Framing, make: Callable[[int], bytes]
) -> None:
    cost = {}
    for size in SIZES:
        chunks = byte_by_byte(make(size))
        cost[size] = lines_run(lambda chunks=chunks: outcome(codec_for(framing), chunks), metaprotocol_sdk) / len(
            chunks
        )
    assert cost[300] > 1  # the counter counts
    assert cost[30_000] <= cost[3_000] * 1.05 <= cost[300] * 1.1


@pytest.mark.parametrize(("framing", "make"), SHAPES)
def test_the_cost_of_a_message_is_flat_when_many_come_in_one_chunk(
    framing: Framing, make: Callable[[int], bytes]
) -> None:
    cost = {}
    for count in (30, 3_000):
        stream = make(40) * count
        cost[count] = lines_run(lambda stream=stream: outcome(codec_for(framing), [stream]), metaprotocol_sdk) / count
    assert cost[30] > 1
    assert cost[3_000] <= cost[30] * 1.05


@pytest.mark.parametrize(("framing", "make"), SHAPES)
def test_a_message_in_one_piece_costs_the_same_whatever_its_size(
    framing: Framing, make: Callable[[int], bytes]
) -> None:
    cost = [lines_run(lambda size=size: outcome(codec_for(framing), [make(size)]), metaprotocol_sdk) for size in SIZES]
    assert min(cost) == max(cost)


def test_no_byte_is_shown_to_a_scanner_twice() -> None:
    shown = 0

    class Counting(Lines):
        def scanner(self, direction: Direction, limits: Limits) -> Scanner:
            scanner = super().scanner(direction, limits)
            scan = scanner.scan

            def counted(data: bytes, start: int) -> int:
                nonlocal shown
                end = scan(data, start)
                shown += (len(data) if end < 0 else end) - start
                return end

            scanner.scan = counted
            return scanner

    stream = line(30_000) + line(40)
    for chunks in ([stream], byte_by_byte(stream), [stream[:60_000], stream[60_000:]]):
        shown = 0
        outcome(codec_for(Counting()), chunks)
        assert shown == len(stream)
