"""Hostile Dubbo messages, and what the codec must make of whatever of them decodes.

Run as a program, it goes through all of them without pytest, so that `python -O` can, which drops every `assert`; for
the same reason nothing here uses one.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from dubbo_bytes import message, request, response, string
from dubbo_messages import CLIENT, CODEC, MAP, OBJECT, hx

from metaprotocol_sdk import (
    Direction,
    EncodeError,
    Error,
    ErrorType,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    ProtocolError,
)

OOPS = "43 01 45 91 01 78 60 01 21"
# Small, so that every byte of them can take every value.
SEEDS = {
    "request": request(
        path="I",
        version="1",
        method="m",
        types=MAP,
        arguments=hx("48 01 6d 78 5a"),
        attachments=hx("48 01 61 01 31 01 6f 43 01 41 91 01 78 60 91 01 70 60 92 5a"),
    ),
    "request with a reference": request(
        path="I", version="1", method="m", types=MAP, arguments=hx("48 01 61 01 31 5a"), attachments=hx("51 90")
    ),
    "response": response(hx("94 71 01 74 91 48 01 61 01 c3a9 01 6c 71 90 92 5a")),
    "exception": response(hx(f"90 {OOPS}")),
    "exception with attachments": response(hx(f"93 {OOPS} 4d 01 74 01 61 01 31 01 6f 60 51 90 5a")),
    "error": response(string("no provider é"), status=60),
    "event": message(0xA2, hx("01 52")),
    "heartbeat": message(0xE2, b"N"),
}

# Deeper than any recursion, in every place; and as deep as an attacker would go, in those that a mutation rewrites.
DEEP, DEEPEST = 3_000, 200_000


def nested(depth: int) -> dict[str, tuple[bytes, bytes, bytes]]:
    """Return values inside values: what opens them all, what is innermost, and what closes them."""
    return {
        "lists": (b"\x79" * depth, b"\x90", b""),
        "open lists": (b"\x57" * depth, b"", b"Z" * depth),
        "typed lists": (b"\x71\x01t" + b"\x71\x90" * depth, b"\x90", b""),
        "maps": (b"H\x01a" * depth, b"N", b"Z" * depth),
        "maps as keys": (b"H" * depth, b"", b"Z" + b"NZ" * (depth - 1)),
        "objects": (b"C\x01A\x91\x01x" + b"\x60" * depth, b"N", b""),
        "objects in the long form": (b"C\x01A\x91\x01x" + b"O\x90" * depth, b"N", b""),
    }


COMPLETE = {name: b"".join(parts) for name, parts in nested(DEEP).items()}
CUT_OFF = {name: head for name, (head, _, _) in nested(DEEP).items()}
DEEPEST_COMPLETE = {
    name: b"".join(parts) for name, parts in nested(DEEPEST).items() if name in ("lists", "maps", "objects")
}
DEEPEST_CUT_OFF = {name: nested(DEEPEST)[name][0] for name in DEEPEST_COMPLETE}

# Values in the place of the only argument, the only attachment or the value of a response, that cannot be read.
IMPOSSIBLE = {
    "a list of 2**31 - 1": hx("58 49 7fffffff"),
    "a typed list of 2**31 - 1": hx("56 01 74 49 7fffffff"),
    "a list of 2**31, which is negative": hx("58 49 80000000"),
    "a list of -1": hx("58 8f"),
    "a typed list of -1": hx("56 01 74 49 ffffffff"),
    "a class with 2**31 - 1 fields": hx("43 01 41 49 7fffffff"),
    "a class with -1 fields": hx("43 01 41 8f 60"),
    "an object of class -1": hx("4f 8f"),
    "an object of class 2**31 - 1": hx("4f 49 7fffffff"),
    "an object of a class that comes later": hx("79 60 43 01 41 90 60"),
    "a reference to what comes later": hx("79 51 9f"),
    "a reference to number -1": hx("51 8f"),
    "a reference to number -2**31": hx("51 49 80000000"),
    "a type of number -1": hx("71 8f 91"),
    "a type of a list that comes later": hx("7a 71 91 91 71 01 74 91"),
    "a string that announces more than there is": hx("53 ffff 61"),
    "a binary that announces more than there is": hx("42 ffff 61"),
    "a type code that nothing has": hx("40"),
    "an end that nothing began": hx("5a"),
}

CYCLES = {
    "a list in itself": hx("79 51 90"),
    "a map in itself": hx("48 01 61 51 90 5a"),
    "a map whose key it is": hx("48 51 90 01 61 5a"),
    "an object in itself": hx("43 01 41 91 01 78 60 51 90"),
    "two lists in each other": hx("7a 79 51 90 79 51 91"),
    "a typed list in itself": hx("72 01 74 51 90 51 90"),
}


def as_argument(value: bytes) -> bytes:
    return request(types=OBJECT, arguments=value, attachments={"a": "1"})


def as_attachment(value: bytes) -> bytes:
    return request(attachments=b"H" + string("a") + value + string("b") + string("2") + b"Z")


def as_argument_and_attachments(value: bytes) -> bytes:
    """Return a request whose attachments are a map among its arguments that holds the value."""
    return request(types=MAP, arguments=b"H" + string("a") + value + b"Z", attachments=hx("51 90"))


def as_result(value: bytes) -> bytes:
    return response(b"\x91" + value)


def as_result_with_attachments(value: bytes) -> bytes:
    return response(b"\x94" + value + hx("48 01 61 01 31 5a"))


def as_attachment_of_a_response(value: bytes) -> bytes:
    return response(hx("95 48 01 61") + value + b"Z")


PLACES = {
    "argument": as_argument,
    "attachment": as_attachment,
    "argument and attachments": as_argument_and_attachments,
    "result": as_result,
    "result with attachments": as_result_with_attachments,
    "attachment of a response": as_attachment_of_a_response,
}


def framed(header: bytes, body: bytes) -> bytes:
    """Return a message of a header whose length is made to fit its body."""
    return header[:12] + len(body).to_bytes(4) + body


def truncations(seed: bytes) -> Iterator[bytes]:
    """Yield a message whose body ends at every byte, as a peer would frame it."""
    for end in range(16, len(seed)):
        yield framed(seed[:16], seed[16:end])


def bit_flips(seed: bytes) -> Iterator[bytes]:
    for at in range(len(seed)):
        for bit in range(8):
            yield seed[:at] + bytes((seed[at] ^ 1 << bit,)) + seed[at + 1 :]


# One of each: what a byte can mean to a hessian2 reader, and the edges of its ranges.
TYPE_CODES = bytes.fromhex(
    "00 01 02 1f 20 2f 30 33 34 37 38 3f 40 41 42 43 44 46 48 49 4a 4b 4c 4d 4e 4f 51 52 53 54 55 56 57 58 59 5a 5b 5d "
    "5e 5f 60 61 6f 70 71 77 78 79 7f 80 8f 90 91 bf c0 c8 cf d0 d4 d7 d8 e0 ef f0 f8 ff"
)


def byte_flips(seed: bytes, values: Iterable[int]) -> Iterator[bytes]:
    """Yield a message with every byte but those of its id replaced by each of these values."""
    for at in (*range(4), *range(12, len(seed))):
        for value in values:
            if value != seed[at]:
                yield seed[:at] + bytes((value,)) + seed[at + 1 :]


def received(data: bytes) -> list[Metadata]:
    """Return what a connection makes of these bytes, a framing error aside."""
    direction = Direction.TO_SERVER if data[2:3] >= b"\x80" else Direction.TO_CLIENT
    decoder = MessageDecoder(CODEC, direction)
    messages = decoder.feed(data)
    for metadata in messages:
        if not metadata.message[2] & 0x80:
            metadata.request = CLIENT
    return messages


def survive(data: bytes) -> int:
    """Do with these bytes all that a mesh does; return how many messages there were.

    Raises:
        AssertionError: Something came out wrong. Any other exception is one that the codec must not raise.
    """
    messages = received(data)
    for metadata in messages:
        _survive_spans(metadata)
        _survive_replies(metadata)
        _survive_encode(metadata)
    return len(messages)


def _require(condition: bool, what: str, metadata: Metadata) -> None:
    if not condition:
        raise AssertionError(f"{what}: {metadata.message[:200].hex()}")


def _survive_spans(metadata: Metadata) -> None:
    spans = CODEC.spans(metadata)
    ends = [0, *(span.end for span in spans)]
    _require(ends[:-1] == [span.start for span in spans], "spans leave a gap", metadata)
    _require(ends[-1] == len(metadata.message), "spans end too early", metadata)


def _survive_replies(metadata: Metadata) -> None:
    reply = CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST, str(metadata.error)))
    _require((reply == b"") != metadata.expects_reply, "who waits is answered, and nobody else", metadata)
    if reply:
        (found,) = received(reply)
        _require(found.error is None and found.message_type is MessageType.EXCEPTION, "an error is one", metadata)
        _require(found.request_id == metadata.request_id, "an error has its request's id", metadata)
    if metadata.message_type is MessageType.HEARTBEAT:
        beat = CODEC.heartbeat_reply(metadata)
        if beat is not None:
            (found,) = received(beat)
            _require(found.message_type is MessageType.HEARTBEAT, "a heartbeat is one", metadata)
            _require(found.request_id == metadata.request_id, "a heartbeat has its request's id", metadata)


def _survive_encode(metadata: Metadata) -> None:
    _require(CODEC.encode(metadata, Mutation()) is metadata.message, "nothing changes", metadata)
    renumbered = CODEC.encode(metadata, Mutation(), 2**64 - 1)
    _require(renumbered[4:12] == b"\xff" * 8 and renumbered[12:] == metadata.message[12:], "only the id", metadata)
    mutations = [Mutation({"k": "v"}), Mutation({"a": "9", "k": None}), Mutation(dict.fromkeys(metadata.properties))]
    for mutation in filter(None, [*mutations, Mutation({"a": None})]):
        try:
            after = CODEC.encode(metadata, mutation)
        except EncodeError:
            continue
        if after is not metadata.message:
            _check_mutated(metadata, mutation, after)


# What attachments decide together with the body.
_DISPATCH = {"interface", "body_path", "version", "group", "generic_method"}


def _check_mutated(metadata: Metadata, mutation: Mutation, after: bytes) -> None:
    (found,) = received(after)
    _require(found.error is None, f"{found.error} after {mutation}", metadata)
    for key, value in mutation.items():
        _require(found.properties.get(key) == value, f"{key!r} is not as it was set", metadata)
    changeable = {*mutation, *_DISPATCH}
    before = {key: value for key, value in metadata.properties.items() if key not in changeable}
    others = {key: value for key, value in found.properties.items() if key not in changeable}
    _require(others == before, f"another property changed with {mutation}", metadata)
    _require(found.message_type is metadata.message_type, "the type changed", metadata)


def survive_raw(data: bytes) -> None:
    """Decode bytes that no framing has checked; only a ProtocolError may be raised."""
    with suppress(ProtocolError):
        CODEC.decode(data, Direction.TO_SERVER)


def _all() -> Iterable[bytes]:
    for seed in SEEDS.values():
        yield seed
        yield from truncations(seed)
        yield from bit_flips(seed)
    for place in PLACES.values():
        for values in (COMPLETE, CUT_OFF, IMPOSSIBLE, CYCLES):
            yield from map(place, values.values())
    for values in (DEEPEST_COMPLETE, DEEPEST_CUT_OFF):
        yield from map(as_attachment, values.values())


if __name__ == "__main__":
    print(__debug__, sum(map(survive, _all())))  # noqa: T201
