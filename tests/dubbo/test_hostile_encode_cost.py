"""Changing a hostile message takes lines of code and bytes of memory in proportion to its size."""

import tracemalloc
from collections.abc import Callable

import pytest
from dubbo_bytes import request, response, string
from dubbo_messages import CLIENT, CODEC, MAP, changed, hx, read, sound
from work import lines_run

import metaprotocol_sdk
from metaprotocol_codecs import dubbo, hessian2
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Error, ErrorType, LimitExceeded, Limits, Mutation, UnsupportedMutation


def mapped(entries: bytes) -> bytes:
    return request(attachments=b"H" + entries + b"Z")


def keys(count: int) -> bytes:
    return b"".join(string(f"key{number}") + b"\x01v" for number in range(count))


# Messages of a size, and what is changed in them.
Case = tuple[Callable[[int], bytes], Callable[[int], dict[str, str | None]]]


def one(key: str, value: str | None) -> Callable[[int], dict[str, str | None]]:
    return lambda _: {key: value}


CASES: dict[str, Case] = {
    "a key beside many": (lambda n: mapped(keys(n)), one("k", "v")),
    "the last of many keys": (lambda n: mapped(keys(n)), lambda n: {f"key{n - 1}": "w"}),
    "a key that comes many times": (lambda n: mapped(b"\x01a\x01v" * n), one("a", None)),
    "many new keys": (lambda _: mapped(b""), lambda n: {f"key{number}": "v" for number in range(n)}),
    "many keys removed": (lambda n: mapped(keys(n)), lambda n: {f"key{number}": None for number in range(n)}),
    "many keys replaced": (lambda n: mapped(keys(n)), lambda n: {f"key{number}": "w" for number in range(n)}),
    "many keys that are not there": (lambda n: mapped(keys(n)), lambda n: {f"no{number}": None for number in range(n)}),
    "many containers": (lambda n: mapped(b"\x01a\x78" * n + b"\x01k\x78"), one("k", None)),
    "a container before many": (lambda n: mapped(b"\x01k\x78" + b"\x01a\x78" * n), one("k", None)),
    "many removed containers": (lambda n: mapped(b"\x01k\x78" * n), one("k", None)),
    "many classes in one removed value": (
        lambda n: mapped(b"\x01k" + b"C\x01A\x90" * n + b"\x60\x01a\x60"),
        one("k", None),
    ),
    "many removed values of a class": (lambda n: mapped(b"\x01kC\x01A\x90\x60" * n + b"\x01a\x60"), one("k", None)),
    "classes removed and used in turn": (lambda n: mapped(b"\x01kC\x01A\x90\x60\x01a\x60" * n), one("k", None)),
    "classes removed and keys that are objects": (
        lambda n: mapped(b"\x01kC\x01A\x90\x60\x60\x01a" * n),
        one("k", None),
    ),
    "strings behind classes": (lambda n: mapped(b"C\x01A\x90\x01kC\x01A\x90\x01v" * n), one("k", "w")),
    "many types": (lambda n: mapped(b"\x01a\x70\x01t" * n + b"\x01k\x70\x01t"), one("k", None)),
    "many references": (lambda n: mapped(b"\x01k\x78" + b"\x01a\x51\x90" * n), one("k", None)),
    "many empty chunks": (lambda n: mapped(b"R\0\0" * n + b"\x01k\x01v"), one("k", None)),
    "many keys with empty chunks": (lambda n: mapped((b"R\0\0" * 9 + b"\x01k\x01v") * n), one("k", None)),
    "keys with many empty chunks each": (
        lambda n: mapped((b"R\0\0" * 300 + b"\x01k\x01v") * (n // 100)),
        one("k", "w"),
    ),
    "a long value in chunks": (lambda n: mapped(b"\x01k" + b"R\0\2\xc3\xa9\xe4\xb8\x96" * n + b"\0"), one("k", None)),
    "a copy of a large argument": (
        lambda n: request(types=MAP, arguments=b"H" + keys(n) + b"Z", attachments=hx("51 90")),
        one("k", "v"),
    ),
    "a reference behind many arguments": (
        lambda n: request(types="I" * n + MAP, arguments=b"\x91" * n + b"H\x01a\x01vZ", attachments=hx("51 90")),
        one("k", "v"),
    ),
    "a response of many values": (lambda n: response(b"\x91\x58\x49" + n.to_bytes(4) + b"\x91" * n), one("k", "v")),
}
# Large enough that what is done once a message does not count.
SMALL, LARGE = 100, 800


def lines_of(case: Case, size: int) -> int:
    message, mutation = case[0](size), Mutation(case[1](size))

    def change() -> None:
        metadata = sound(message)
        metadata.request = CLIENT
        after = CODEC.encode(metadata, mutation, 7)
        found = sound(after)
        found.request = CLIENT
        CODEC.encode(found, Mutation(dict.fromkeys(mutation)))
        CODEC.spans(found)

    return lines_run(change, dubbo, hessian2, metaprotocol_sdk)


@pytest.mark.parametrize("name", CASES)
def test_eight_times_the_size_is_eight_times_the_work(name):
    assert lines_of(CASES[name], LARGE) <= 1.1 * 8 * lines_of(CASES[name], SMALL)


def test_the_error_reply_to_a_long_text_is_written_in_proportion():
    metadata = read(request())

    def reply(size: int) -> int:
        return lines_run(
            lambda: CODEC.on_error(metadata, Error(ErrorType.UNSPECIFIED, "\U0001f600" * size)), dubbo, hessian2
        )

    assert reply(160_000) <= 1.1 * 8 * reply(20_000)


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Bytes of memory for each byte of a message, and for any message at all. An attachment takes at least 2 bytes on the
# wire; read it is a tuple of 5, its numbers and its strings, some 250 bytes, and its edit is half as much again.
PER_BYTE, AT_LEAST = 200, 1 << 20


@pytest.mark.parametrize("name", CASES)
def test_memory_is_bounded_by_the_size_of_the_message(name):
    build, ask = CASES[name]
    message, mutation = build(5_000), Mutation(ask(5_000))
    metadata = sound(message)
    metadata.request = CLIENT
    size = len(message) + sum(len(key) + len(value or "") for key, value in mutation.items())
    assert peak_of(lambda: CODEC.encode(metadata, mutation)) <= PER_BYTE * size + AT_LEAST


ANNOUNCED = {
    "a list": hx("58 49 7fffffff"),
    "a typed list": hx("56 01 74 49 7fffffff"),
    "a class": hx("43 01 41 49 7fffffff"),
    "a list of lists": hx("58 49 7fffffff") * 3,
    "a string": hx("53 ffff"),
    "a binary": hx("42 ffff"),
}


@pytest.mark.parametrize("name", ANNOUNCED)
def test_what_is_announced_takes_no_memory(name):
    for message in (response(b"\x91" + ANNOUNCED[name]), mapped(b"\x01a" + ANNOUNCED[name])):

        def refuse(message: bytes = message) -> None:
            with pytest.raises(UnsupportedMutation):
                CODEC.encode(read(message), Mutation({"k": "v"}))

        assert peak_of(refuse) < AT_LEAST


def test_a_million_attachments_are_over_the_limit_and_can_still_be_answered():
    metadata = read(mapped(b"\0\0" * 1_000_000))
    assert isinstance(metadata.error, LimitExceeded)
    assert metadata.error.limit == "max_elements"
    with pytest.raises(UnsupportedMutation, match="max_elements"):
        CODEC.encode(metadata, Mutation({"k": "v"}))
    assert CODEC.on_error(metadata, Error(ErrorType.BAD_REQUEST)) == response(b"\0", status=40)


def test_as_many_attachments_as_the_limit_allows_can_be_changed():
    codec = DubboCodec(limits=Limits(max_elements=10_000))
    message = mapped(b"\0\0" * 9_999)
    after = changed(message, {"k": "v"}, codec=codec)
    assert sound(after, codec).properties.items() >= {"": "", "k": "v"}.items()
    assert changed(after, {"k": None}, codec=codec) == message
    with pytest.raises(UnsupportedMutation, match="limit"):
        changed(after, {"l": "w"}, codec=codec)


def test_200_000_classes_that_are_only_passed_on_are_no_harm():
    message = response(b"\x91" + b"C\0\x90" * 200_000 + b"\x60")
    after = changed(message, {"k": "v"})
    assert after == response(b"\x94" + message[17:] + after[len(message) :])
    assert changed(after, {"k": None}) == response(b"\x94" + message[17:] + b"HZ")


def test_200_000_classes_can_be_moved():
    classes = b"C\0\x90" * 200_000
    after = changed(mapped(b"\x01k" + classes + b"\x60\x01a\x60"), {"k": None})
    assert after == mapped(b"\x01a" + classes + b"\x60")
