"""The cost of a byte does not depend on how many there are, even if they come one at a time.

Work is counted, not timed: lines of the codec that ran, and bytes that the scanner looks at again.
"""

import pytest
from thrift_messages import CALL, CODEC, SERVER, WRITERS, framed, hx, varint
from toy_protocols import byte_by_byte, outcome
from work import lines_run

from metaprotocol_codecs import thrift


def many(head, item):
    """Return a function that makes a struct of about a size: a container of many items."""
    return lambda size: hx(head) + (size // len(hx(item))).to_bytes(4) + hx(item) * (size // len(hx(item))) + b"\0"


def many_compact(head, item):
    return lambda size: hx(head) + varint(size // len(hx(item))) + hx(item) * (size // len(hx(item))) + b"\0"


# By protocol, structs of about a size.
SHAPES = {
    "strict": {
        "fields": lambda size: hx("08 0001 00000007") * (size // 7) + b"\0",
        "a string": lambda size: hx("0b 0001") + size.to_bytes(4) + bytes(size) + b"\0",
        "structs": many("0f 0001 0c", "0a 0001 0000000000000007 00"),
        "structs in structs": lambda size: hx("0c 0001") * (size // 4) + bytes(size // 4 + 1),
        "lists": many("0f 0001 0f", "08 00000000"),
        "a map": many("0d 0001 0b08", "00000001 61 00000007"),
    },
    "compact": {
        "fields": lambda size: hx("15 0e") * (size // 2) + b"\0",
        "structs": many_compact("19 fc", "15 0e 00"),
        "numbers": many_compact("19 f5", "ff 01"),
        "lists": many_compact("19 f9", "05"),
    },
    "json": {
        "fields": lambda size: b"{" + b",".join([b'"1":{"i32":7}'] * (size // 14)) + b"}",
        "a string": lambda size: b'{"1":{"str":"' + b"x\\n" * (size // 3) + b'"}}',
    },
}
ALL = [pytest.param(protocol, shape, id=f"{protocol} {shape}") for protocol in SHAPES for shape in SHAPES[protocol]]


def call(protocol, shape, size):
    return WRITERS[protocol](CALL, "m", 5, SHAPES[protocol][shape](size))


def cost(stream, chunks):
    def action():
        assert outcome(CODEC, chunks).pieces == [stream]

    return lines_run(action, thrift) / len(stream)


@pytest.mark.parametrize(("protocol", "shape"), ALL)
def test_single_bytes_of_a_large_struct_cost_at_most_twice_those_of_a_small_one(protocol, shape):
    small, large = (call(protocol, shape, size) for size in (500, 20_000))
    assert cost(large, byte_by_byte(large)) <= 2 * cost(small, byte_by_byte(small))


@pytest.mark.parametrize(("protocol", "shape"), [("strict", "structs"), ("compact", "structs"), ("json", "fields")])
def test_that_holds_for_100_kilobytes_too(protocol, shape):
    small, large = (call(protocol, shape, size) for size in (500, 100_000))
    assert cost(large, byte_by_byte(large)) <= 2 * cost(small, byte_by_byte(small))


@pytest.mark.parametrize(("protocol", "shape"), ALL)
@pytest.mark.parametrize("wrap", [bytes, framed], ids=["unframed", "framed"])
def test_a_large_struct_in_one_piece_costs_no_more_per_byte_than_a_small_one(protocol, shape, wrap):
    small, large = (wrap(call(protocol, shape, size)) for size in (500, 20_000))
    assert cost(large, [large]) <= cost(small, [small]) * 1.05


@pytest.mark.parametrize(("protocol", "shape"), ALL)
def test_of_what_was_seen_only_a_few_bytes_are_looked_at_again(protocol, shape):
    scanner = CODEC.framing.scanner(SERVER, CODEC.limits)
    data = call(protocol, shape, 2_000)
    for place in range(len(data) - 1):
        assert scanner.scan(data[place : place + 1], 0) == -1
        assert len(scanner._tail) <= 32
        assert scanner.needed >= 1
    assert scanner.scan(data[-1:], 0) == 1


@pytest.mark.parametrize(("protocol", "shape"), ALL)
def test_what_is_needed_is_never_more_than_is_missing(protocol, shape):
    scanner = CODEC.framing.scanner(SERVER, CODEC.limits)
    data = call(protocol, shape, 300)
    for place in range(len(data) - 1):
        scanner.scan(data[place : place + 1], 0)
        assert scanner.needed <= len(data) - place - 1
