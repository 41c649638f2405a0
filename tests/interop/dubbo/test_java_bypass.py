"""No way to write version, group and path leads a Java provider past a rule: some 1,500 of them, also through Envoy.

The provider offers one interface in no group and in group blue, each without a version and as version 1.2.3.
"""

import itertools
import struct
from pathlib import Path

import pytest
from dubbo_bytes import message, string
from dubbo_messages import hx, read
from dubbo_provider import BLUE_NEW, NOBODY, PLAIN, Line, dispatched
from live_engine.config import built_module
from mesh_scenarios import LiveMesh
from peers.dubbo_java import SERVICE

VALUES = {"group": "blue", "version": "1.2.3", "path": SERVICE}
NULL = b"N"
ENUM = b"C" + string("java.util.concurrent.TimeUnit") + hx("91") + string("name") + hx("60") + string("DAYS")
CLASSES = (
    *("java.util.HashMap", "java.util.Hashtable", "java.util.Properties", "java.util.concurrent.ConcurrentHashMap"),
    *(
        "java.util.IdentityHashMap",
        "java.util.WeakHashMap",
        "java.util.SortedMap",
        "java.util.Map",
        "java.util.EnumMap",
    ),
    *(
        "java.util.concurrent.ConcurrentSkipListMap",
        "java.util.Collections$UnmodifiableMap",
        "java.util.jar.Attributes",
    ),
    *("java.util.Collections$EmptyMap", "java.lang.Object", "java.lang.String", "java.util.ArrayList", "", "map"),
    *("[string", "java.util.HashMap ", "java.util.BitSet", "java.lang.Integer", "com.alibaba.fastjson.JSONObject"),
)
OTHERS: tuple[tuple[str, str | bytes], ...] = (
    *(("group", NULL), ("version", NULL), ("version", "0.0.0"), ("version", "*"), ("group", "*"), ("path", "")),
    *(("group", "a,blue"), ("group", "blue,a"), ("version", "1.2.3:x"), ("group", "blue/x"), ("path", f"/{SERVICE}")),
    *(("path", f"{SERVICE}:1.2.3"), ("path", f"blue/{SERVICE}"), ("path", f"{SERVICE}/"), ("interface", SERVICE)),
    *(("dubbo", "3.0.0"), ("dubbo", "2.0.0"), ("_isCallBackServiceInvoke", "true"), ("callback.service.instid", "1")),
    *(("method", "bytes"), ("timeout", NULL), ("input", NULL), ("port", "1"), ("port", hx("91")), ("isServer", "true")),
    *(("serialization_id", hx("95")), ("tri-service-version", "1.2.3"), ("tri-service-group", "blue"), ("token", NULL)),
    *(("generic", "true"), ("async", "true"), ("remote.application", "x"), ("timeout-countdown", "-1")),
)


def entries(*parts: str | bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else string(part) for part in parts)


def attached(*parts: str | bytes) -> bytes:
    return b"H" + entries(*parts) + b"Z"


def spellings(text: str) -> tuple[bytes, ...]:
    """Return a string in chunks, with a long length, with a length of two bytes, and as binary data."""
    data = text.encode()
    size = struct.pack(">H", len(data))
    return (
        b"R" + struct.pack(">H", len(data) - 1) + data[:-1] + string(text[-1]),
        b"S" + size + data,
        bytes((0x30 + (len(data) >> 8), len(data) & 0xFF)) + data,
        b"B" + size + data,
    )


def shapes(key: str, value: str) -> list[bytes]:
    """Return attachments that may or may not give a key a value."""
    found = [attached(one, value) for one in spellings(key)] + [attached(key, one) for one in spellings(value)]
    found += [attached(key, one) for one in (f" {value}", f"{value} ", f"{value}\0", f"{value}\n", " ", "")]
    found += [attached(one, value) for one in (f" {key}", f"{key}\0", f"default.{key}", f"service.{key}")]
    odd = (NULL, b"T", hx("95"), b"\x4a" + bytes(8), b"\x5c", b"\xe5", b"\x20", ENUM, hx("51 90"), hx("51 91"))
    odd += (attached(key, value), b"\x79" + string(value), b"\x71" + string("[string") + string(value))
    odd += (b"\x01\xf0\x9f\x98\x80", b"\x02\xf0\x9f\x98\x80", b"\x02\xed\xa0\xbd\xed\xb8\x80")
    for one in odd:
        found += [
            attached(key, one),
            attached(one, value),
            attached(key, value, one, "x"),
            attached(one, "x", key, value),
        ]
        found += [attached(key, value, key, one), attached(key, one, key, value), attached("other", one, key, value)]
    for name in CLASSES:
        head = b"M" + string(name)
        for parts in (
            (key, value),
            (key, NULL),
            (key, "x", key, value),
            (key, value, key, NULL),
            (key, NULL, key, value),
        ):
            found.append(head + entries(*parts) + b"Z")
        found.append(b"C" + string(name) + hx("91") + string(key) + hx("60") + string(value))
    found += [b"M\x90" + entries(key, value) + b"Z", b"MN" + entries(key, value) + b"Z"]
    found += [
        attached() + attached(key, value),
        attached(key, value) + attached(key, NULL),
        NULL + attached(key, value),
    ]
    found += [b"H" + entries(key, value), b"H" + entries(key, NULL), b"H" + string(key)]
    found += [attached(key.upper(), value, key, NULL), attached(key, NULL, key.upper(), value)]
    for name, other in OTHERS:
        found += [attached(key, value, name, other), attached(key, NULL, name, other)]
    return found


def requests() -> list[bytes]:
    """Return calls of `note` with their own number as the text."""
    numbers = itertools.count(1)

    def call(attachments: bytes, path: str | bytes = SERVICE, version: str | bytes = "0.0.0") -> bytes:
        number = next(numbers)
        body = entries("2.0.2", path, version, "note", "Ljava/lang/String;", str(number))
        return message(0xC2, body + attachments, request_id=number)

    found = [
        call(attachments, version=version)
        for version in ("0.0.0", "1.2.3")
        for key, value in VALUES.items()
        for attachments in shapes(key, value)
    ]
    paths = (f"{SERVICE}:1.2.3", f"blue/{SERVICE}", f"/{SERVICE}", f" {SERVICE}", f"{SERVICE} ", f"{SERVICE}\0")
    for path in paths:
        found += [call(one, path) for one in (attached(), attached("path", SERVICE), attached("path", NULL))]
    odd = (" 1.2.3", "1.2.3 ", "1.2.3\n", "", b"\xe1", b"\x5c", b"F", b"\x4a" + bytes(8), *spellings("1.2.3"), NULL)
    for version in (*odd, b"\x79" + string("1.2.3"), attached("a", "b"), hx("51 90")):
        found += [
            call(one, version=version) for one in (attached(), attached("version", NULL), attached("version", "1.2.3"))
        ]
    return found


REQUESTS = requests()


@pytest.fixture
def line(provider) -> Line:
    body = entries("2.0.2", SERVICE, "0.0.0", "note", "Ljava/lang/String;", "last") + attached()
    return Line(provider, "hessian2", lambda: message(0xC2, body, request_id=1 << 32))


def test_the_provider_calls_whom_the_properties_name_or_the_message_is_incomplete(line):
    called_at_all = 0
    for request, called in zip(REQUESTS, line.ask(REQUESTS, set(REQUESTS)), strict=True):
        metadata = read(request)
        if called is not NOBODY and not metadata.error and not metadata.incomplete:
            called_at_all += 1
            assert dispatched(metadata) == called, request.hex(" ")
    assert called_at_all > 300


INGRESS = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: here, namespace: default}
spec:
  ingress:
  - port: {number: 19080, name: http-dubbo, protocol: HTTP}
    bind: 127.0.0.1
    defaultEndpoint: "127.0.0.1:PORT"
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guard, namespace: default}
spec: """
WHEN = [f"{{key: 'request.headers[{key}]', values: ['{VALUES[key]}']}}" for key in ("version", "group")]
DENY = f"{{action: DENY, rules: [{{when: [{WHEN[0]}]}}, {{when: [{WHEN[1]}]}}]}}"
ALLOW = f"{{rules: [{{when: [{WHEN[0]}, {WHEN[1]}]}}]}}"


@pytest.mark.parametrize(("policy", "allowed"), [(DENY, PLAIN), (ALLOW, BLUE_NEW)], ids=["deny", "allow"])
def test_no_request_reaches_through_envoy_whom_a_policy_forbids(policy, allowed, provider, start_envoy, tmp_path: Path):
    built_module()
    ingress = INGRESS.replace("PORT", str(provider.ports["hessian2"]))
    mesh = LiveMesh(start_envoy, tmp_path / "mesh", ingress + policy)
    body = entries("2.0.2", SERVICE, "1.2.3" if allowed == BLUE_NEW else "0.0.0", "note", "Ljava/lang/String;", "last")
    attachments = attached("group", "blue") if allowed == BLUE_NEW else attached()
    line = Line(provider, "hessian2", lambda: message(0xC2, body + attachments, request_id=1 << 32), port=mesh.port)
    called = [one for one in line.ask(REQUESTS, set(REQUESTS)) if one is not NOBODY]
    assert len(called) > 5
    assert set(called) == {allowed}
