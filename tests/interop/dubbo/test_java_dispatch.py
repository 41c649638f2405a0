"""Whom a Java provider calls for requests that no Java client writes, and whom the codec names.

The provider offers one interface in no group and in group blue, each without a version and as version 1.2.3.
"""

import itertools
import random

import pytest
from dubbo_bytes import message, string
from dubbo_messages import CODEC, hx, read
from dubbo_provider import BLUE, BLUE_NEW, NEW, NOBODY, PLAIN, Line, dispatched
from peers.dubbo_java import DUBBO_3, SERVICE

from metaprotocol_sdk import Mutation

STRING = "Ljava/lang/String;"
NUMBER = hx("95")
FILE = b"C" + string("java.io.File") + hx("91") + string("value") + hx("60") + string("blue")
_ids = itertools.count(1)


def attached(*entries: str | bytes | None, map_type: str | None = None) -> bytes:
    """Return a map of these keys and values, of which bytes stand for themselves."""
    head = b"H" if map_type is None else b"M" + string(map_type)
    return head + b"".join(entry if isinstance(entry, bytes) else string(entry) for entry in entries) + b"Z"


def call(
    attachments: bytes = b"HZ",
    *,
    path: str | bytes | None = SERVICE,
    version: str | bytes | None = "0.0.0",
    method: str = "note",
    types: str = STRING,
    argument: bytes | None = None,
) -> bytes:
    """Return a request; by default it calls `note` with its own number, which the provider repeats in its report."""
    number = next(_ids)
    fields = ("2.0.2", path, version, method, types)
    body = b"".join(field if isinstance(field, bytes) else string(field) for field in fields)
    return message(0xC2, body + (argument or string(str(number))) + attachments, request_id=number)


@pytest.fixture
def line(provider) -> Line:
    return Line(provider, "hessian2", lambda: call(argument=string("last")))


CASES = {
    "nothing": (call(), PLAIN),
    "a group and a version": (call(attached("group", "blue", "version", "1.2.3")), BLUE_NEW),
    "the version of the body": (call(version="1.2.3"), NEW),
    "the version null over that of the body": (call(attached("version", None), version="1.2.3"), PLAIN),
    "the version null after another": (call(attached("version", "1.2.3", "version", None), version="1.2.3"), PLAIN),
    "the version after a null": (call(attached("version", None, "version", "1.2.3")), NEW),
    "the version empty": (call(attached("version", ""), version="1.2.3"), PLAIN),
    "the version a number": (call(attached("version", NUMBER), version="1.2.3"), NOBODY),
    "the version true": (call(attached("version", b"T")), NOBODY),
    "the version a number after another": (call(attached("version", "1.2.3", "version", NUMBER)), NOBODY),
    "the version after a number": (call(attached("version", NUMBER, "version", "1.2.3")), NEW),
    "the version a list": (call(attached("version", b"\x79" + string("1.2.3"))), NOBODY),
    "the group null": (call(attached("group", None)), PLAIN),
    "the group null after another": (call(attached("group", "blue", "group", None)), PLAIN),
    "the group a number": (call(attached("group", NUMBER)), NOBODY),
    "the group an object": (call(attached("group", FILE)), NOBODY),
    "the path null": (call(attached("path", None)), NOBODY),
    "the path a number": (call(attached("path", NUMBER)), NOBODY),
    "the path twice": (call(attached("path", "other", "path", SERVICE)), PLAIN),
    "the path of another service": (call(attached("path", "other")), NOBODY),
    "the body's version null": (call(version=None), PLAIN),
    "the body's path null": (call(path=None), NOBODY),
    "the attachments null": (call(b"N", version="1.2.3"), NEW),
    "the attachments missing": (call(b""), NOBODY),
    "the attachments a list": (call(b"\x78"), NOBODY),
    "the attachments a string": (call(string("x")), NOBODY),
    "a LinkedHashMap": (call(attached("group", "blue", map_type="java.util.LinkedHashMap")), BLUE),
    "a TreeMap": (call(attached("group", "blue", map_type="java.util.TreeMap")), BLUE),
    "the interface": (call(attached("interface", "other")), PLAIN),
    "the method": (call(attached("method", "echo")), PLAIN),
    "a key in upper case": (call(attached("GROUP", "blue")), PLAIN),
    "a key with an empty chunk before it": (call(attached(b"R\0\0" + string("group"), "blue")), BLUE),
    "a class before a key": (call(attached(b"C" + string("X") + hx("90") + string("group"), "blue")), BLUE),
}


@pytest.fixture
def answers(line) -> dict:
    silent = {message for message, expected in CASES.values() if expected is NOBODY}
    return dict(zip(CASES, line.ask([message for message, _ in CASES.values()], silent), strict=True))


def test_the_provider_calls_whom_the_properties_name(answers):
    for name, (request, expected) in CASES.items():
        assert answers[name] == expected, name
        if expected is not NOBODY:
            assert dispatched(read(request)) == expected, name


def test_what_all_providers_see_alike_is_complete():
    for name, (request, expected) in CASES.items():
        if expected is not NOBODY:
            # Providers see this alike. A mesh, whose names have no case, does not.
            assert bool(read(request).incomplete) is (name == "a key in upper case"), name


HIDDEN = attached("group", "blue")
HIDDEN_GENERIC = attached("group", "blue", "generic", "true")
UNREADABLE = bytes((2 + len(HIDDEN),)) + b"\xf0"
MAP = "Ljava/util/Map;"


def generic(types: bytes) -> bytes:
    """Return a generic call of `note` whose second argument, an array of strings, is written so."""
    return call(
        attached("generic", "true"),
        method="$invoke",
        types="Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
        argument=string("note") + types + b"\x79" + string("1"),
    )


# What is called by 2.6 and 2.7, and by 3, and which no property tells.
UNCLEAR = {
    "the path holds a group and a version": (call(attached("path", f"blue/{SERVICE}:1.2.3")), BLUE_NEW, BLUE_NEW),
    "the key is not UTF-8": (call(attached(b"\x05\xc1\xa7roup", "blue")), BLUE, BLUE),
    "the value is not UTF-8": (call(attached("group", b"\x04\xc1\xa2lue")), BLUE, BLUE),
    "an object with fields": (
        call(b"C" + string("X") + hx("91") + string("group") + hx("60") + string("blue")),
        BLUE,
        BLUE,
    ),
    "a map of a class that is not there": (call(attached("group", "blue", map_type="org.example.Nothing")), BLUE, BLUE),
    "a map of a class that is not known here": (
        call(attached("group", "blue", map_type="java.util.WeakHashMap"), version="1.2.3"),
        BLUE_NEW,
        BLUE_NEW,
    ),
    "a map that is an argument": (
        call(hx("51 90"), argument=HIDDEN, method="map", types="Ljava/util/Map;"),
        BLUE,
        BLUE,
    ),
    "text that is a map": (call(argument=attached("x", HIDDEN)), BLUE, NOBODY),
    "text that no Java reader reads to its end": (
        call(argument=bytes((2 + len(HIDDEN),)) + b"\xf0" + HIDDEN),
        BLUE,
        NOBODY,
    ),
    "bytes that are a list": (call(argument=b"\x79" + HIDDEN, method="bytes", types="[B"), BLUE, NOBODY),
    "a list where a map is expected": (call(argument=b"\x79" + HIDDEN, method="map", types=MAP), BLUE, NOBODY),
    "a list of two where a map is expected": (
        call(argument=b"\x58\x92" + HIDDEN + string("x"), method="map", types=MAP),
        BLUE,
        NOBODY,
    ),
    "a generic call with a map where the types are expected": (
        generic(b"H" + string("k") + b"\x79" + string("77") + HIDDEN_GENERIC + string("v") + b"Z"),
        BLUE,
        NOBODY,
    ),
    "a generic call whose types are a list with a list in it": (
        generic(b"\x7b\x79" + string("x") + b"\x79" + string("77") + HIDDEN_GENERIC),
        BLUE,
        NOBODY,
    ),
    "any value, a list with a text that no Java reader reads to its end": (
        call(argument=b"\x79" + UNREADABLE + HIDDEN, method="any", types="Ljava/lang/Object;"),
        BLUE,
        NOBODY,
    ),
    "any value, a text that no Java reader reads to its end": (
        call(argument=bytes((2 + len(HIDDEN),)) + b"\xf0" + HIDDEN, method="any", types="Ljava/lang/Object;"),
        BLUE,
        NOBODY,
    ),
}


def test_where_the_properties_do_not_tell_whom_the_provider_calls_they_say_so(line, version):
    for name, (request, older, newer) in UNCLEAR.items():
        assert line.ask_one(request) == (newer if version is DUBBO_3 else older), name
        metadata = read(request)
        assert metadata.error or metadata.incomplete, name


def test_of_an_object_only_the_provider_knows_what_its_class_cannot_read(line, version):
    """The limit that docs/protocols/dubbo.md names: a map where the class has a text, and what comes after it."""
    node = b"C" + string("org.example.interop.Node") + hx("92") + string("name") + string("next") + hx("60")
    request = call(argument=node + attached("x", "y") + HIDDEN, method="node", types="Lorg/example/interop/Node;")
    assert line.ask_one(request) == (NOBODY if version is DUBBO_3 else BLUE)
    assert dispatched(read(request)) == PLAIN


@pytest.mark.parametrize("body", [None, "0.0.0", "1.2.3"])
def test_no_attachments_lead_the_provider_elsewhere_than_the_properties_say(body, line):
    entries = {
        "group": ["blue", "", None, NUMBER, b"T"],
        "version": ["1.2.3", "0.0.0", "", None, NUMBER, hx("78")],
        "path": [SERVICE, SERVICE, None, "other"],
        "other": ["x", None, NUMBER],
    }
    draw = random.Random(f"seed {body}")
    requests = []
    for _ in range(300):
        keys = draw.choices(list(entries), k=draw.randrange(5))
        requests.append(
            call(attached(*(part for key in keys for part in (key, draw.choice(entries[key])))), version=body)
        )
    silent = {request for request in requests if dispatched(read(request)) is NOBODY or read(request).incomplete}
    for request, called in zip(requests, line.ask(requests, silent), strict=True):
        if called is not NOBODY:
            assert dispatched(read(request)) == called, request.hex(" ")


def test_a_mutation_leads_the_provider_where_it_says_whatever_stands_there(line):
    wanted = Mutation({"group": "blue", "version": "1.2.3", "path": SERVICE})
    # Dubbo 2.7 and 3 look for the types of the arguments under the path of the body.
    cases = [read(message) for name, (message, _) in CASES.items() if "body's path" not in name]
    changed = [CODEC.encode(metadata, wanted) for metadata in cases if metadata.error is None]
    assert len(changed) > 25
    assert line.ask(changed) == [BLUE_NEW] * len(changed)


@pytest.mark.parametrize(
    ("written", "text"), [("*", "*"), (hx("91"), "1"), (b"T", "true")], ids=["*", "int", "boolean"]
)
def test_versions_that_providers_read_in_their_own_way(written, text, line):
    """Dubbo 2.6 takes * for a version; 2.7 and 3 for none. A number is its text to all."""
    request = call(version=written)
    assert read(request).properties["version"] == text
    assert line.ask_one(request) in ((NOBODY, PLAIN) if text == "*" else (NOBODY,))
