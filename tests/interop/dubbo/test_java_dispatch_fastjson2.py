"""Whom a Java provider calls for requests in fastjson2 that no Java client writes, and whom the codec names."""

import itertools
import random

import pytest
from dubbo_messages import CODEC, read
from dubbo_provider import BLUE, BLUE_NEW, NEW, NOBODY, PLAIN, Line, dispatched
from fastjson2_bytes import attachment_map, fastjson2_request, text, utf8, utf16
from peers.dubbo_java import DUBBO_3, DUBBO_3_2, SERVICE

from metaprotocol_sdk import Mutation

pytestmark = pytest.mark.parametrize(
    "version", [DUBBO_3_2, DUBBO_3], ids=lambda version: f"dubbo-{version.number}", indirect=True
)

STRING = "Ljava/lang/String;"
NUMBER, TRUE = b"\x05", b"\xb1"
FILE = b"\x92" + text("java.io.File") + b"\x00\xa6" + text("path") + text("blue") + b"\xa5"
_ids = itertools.count(1)


def call(*entries: str | bytes | None, argument: str | None = None, **parts) -> bytes:
    """Return a request with these attachments that calls `note` with its own number, which the provider repeats."""
    number = next(_ids)
    attachments = attachment_map(*entries)
    parts = {
        "path": SERVICE,
        "version": "0.0.0",
        "method": "note",
        "types": STRING,
        "attachments": attachments,
        **parts,
    }
    return fastjson2_request(**parts, arguments=(text(argument or str(number)),), request_id=number)


@pytest.fixture
def line(provider) -> Line:
    return Line(provider, "fastjson2", lambda: call(argument="last"))


CASES = {
    "nothing": (call(), PLAIN),
    "a group and a version": (call("group", "blue", "version", "1.2.3"), BLUE_NEW),
    "the version of the body": (call(version="1.2.3"), NEW),
    "the version null over that of the body": (call("version", None, version="1.2.3"), PLAIN),
    "the version null after another": (call("version", "1.2.3", "version", None), PLAIN),
    "the version after a null": (call("version", None, "version", "1.2.3"), NEW),
    "the version empty": (call("version", "", version="1.2.3"), PLAIN),
    "the version a number": (call("version", NUMBER, version="1.2.3"), NOBODY),
    "the version true": (call("version", TRUE), NOBODY),
    "the version a list": (call("version", b"\x95" + text("1.2.3")), NOBODY),
    "the group null": (call("group", None), PLAIN),
    "the group null after another": (call("group", "blue", "group", None), PLAIN),
    "the group a number": (call("group", NUMBER), NOBODY),
    "the path null": (call("path", None), NOBODY),
    "the path twice": (call("path", "other", "path", SERVICE), PLAIN),
    "the path of another service": (call("path", "other"), NOBODY),
    "the body's version null": (call(version=None), PLAIN),
    "the body's path null": (call(path=None), NOBODY),
    "the attachments null": (call(version="1.2.3", attachments=b"\xaf"), NEW),
    "the interface": (call("interface", "other"), PLAIN),
    "the method": (call("method", "echo"), PLAIN),
    "a key in upper case": (call("GROUP", "blue"), PLAIN),
    "a key with its length": (call(b"\x79\x05group", "blue"), BLUE),
    "a key with a long length": (call(b"\x79\x48\0\0\0\x05group", b"\x79\x38\x04blue"), BLUE),
    "a name beyond ASCII": (call("größe", "x", "group", "blue", "größe und gewicht", "x"), BLUE),
}

# What is called, and no property tells, or which not all versions of fastjson2 and Java call.
UNCLEAR = {
    "the path holds a group and a version": (call("path", f"blue/{SERVICE}:1.2.3"), BLUE_NEW),
    "the key in UTF-8": (call(utf8("group"), "blue"), PLAIN),
    "the key in UTF-16": (call(utf16("group"), "blue"), PLAIN),
    "the key in UTF-16 of the other order": (call(utf16("group", "be"), "blue"), BLUE),
    "the key in UTF-8 over the version of the body": (call(utf8("version"), "1.2.3"), PLAIN),
    "the value in UTF-8": (call("group", utf8("blue")), BLUE),
    "the value in UTF-16": (call("group", utf16("blue")), BLUE),
    "the key of a symbol": (call(b"\x7f" + text("group") + b"\x00", "blue"), BLUE),
    "the value of a key that is a symbol": (call(b"\x7f" + text("group") + b"\x01", "x", b"\x7f\x01", "blue"), BLUE),
    "a map that does not begin": (call(attachments=attachment_map("group", "blue")[1:]), BLUE),
    "bytes after the map": (call(attachments=attachment_map("group", "blue") + b"\xaf"), BLUE),
    "a map of a class": (
        call(attachments=b"\x92" + text("java.util.TreeMap") + b"\x00" + attachment_map("group", "blue")),
        BLUE,
    ),
    "a number for the version": (call(version=b"\x01"), NOBODY),
    "a reference to another value": (call("x", "blue", "group", b"\x93" + text("$.x")), BLUE),
    "an object before the group": (call("group", b"\xa6\xa5", "group", "blue"), BLUE),
    "an object of a class that is refused": (call("group", FILE, "group", "blue"), NOBODY),
    "the last key a reference": (call("group", "blue", b"\x93" + text("$.group"), "x"), BLUE),
}


def test_the_provider_calls_whom_the_properties_name(line):
    silent = {message for message, expected in CASES.values() if expected is NOBODY}
    called = line.ask([message for message, _ in CASES.values()], silent)
    for (name, (request, expected)), found in zip(CASES.items(), called, strict=True):
        assert found == expected, name
        if expected is not NOBODY:
            metadata = read(request)
            assert dispatched(metadata) == expected, name
            # Providers see this alike. A mesh, whose names have no case, does not.
            assert bool(metadata.incomplete) is (name == "a key in upper case"), name


def test_where_the_properties_do_not_tell_whom_the_provider_calls_they_say_so(line):
    silent = {message for message, expected in UNCLEAR.values() if expected is NOBODY}
    called = line.ask([message for message, _ in UNCLEAR.values()], silent)
    for (name, (request, expected)), found in zip(UNCLEAR.items(), called, strict=True):
        assert found == expected, name
        assert read(request).incomplete, name


@pytest.mark.parametrize("body", [None, "0.0.0", "1.2.3"])
def test_no_attachments_lead_the_provider_elsewhere_than_the_properties_say(body, line):
    names = ["group", "version", "path", "other", "9 bytes ë", "a\0bcdefghi"]
    forms = [text] * 6 + [utf8, utf16, lambda value: utf16(value, "be"), lambda value: b"\x7f" + text(value) + b"\x01"]
    values = ["blue", "1.2.3", "0.0.0", "", None, SERVICE, NUMBER, TRUE, FILE, b"\x94", b"\xa6\xa5"]
    draw = random.Random(f"seed {body}")
    requests = []
    for _ in range(600):
        parts: list[bytes | None] = []
        for _ in range(draw.randrange(5)):
            value = draw.choice(values)
            parts += (
                draw.choice(forms)(draw.choice(names)),
                draw.choice(forms)(value) if value == str(value) else value,
            )
        requests.append(call(*parts, version=body))
    silent = {request for request in requests if dispatched(read(request)) is NOBODY or read(request).incomplete}
    assert len(silent) < len(requests) - 50
    for request, called in zip(requests, line.ask(requests, silent), strict=True):
        metadata = read(request)
        if called is not NOBODY and not metadata.incomplete:
            assert dispatched(metadata) == called, request.hex(" ")


def test_a_mutation_leads_the_provider_where_it_says_whatever_stands_there(line):
    wanted = Mutation({"group": "blue", "version": "1.2.3", "path": SERVICE})
    # An object may be what later values refer to, so it is not replaced.
    cases = [
        read(message)
        for name, (message, _) in CASES.items()
        if name not in ("the body's path null", "the version a list")
    ]
    changed = [CODEC.encode(metadata, wanted) for metadata in cases]
    assert len(changed) > 20
    assert line.ask(changed) == [BLUE_NEW] * len(changed)
