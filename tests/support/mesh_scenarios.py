"""Aeraki's scenarios: a mesh of files before a real Envoy, and one service that speaks any of three protocols."""

import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import comb
from pathlib import Path
from typing import Any, Self

import dubbo_bytes
import thrift_messages
from attrs import frozen
from live_engine import awesome
from live_engine.peers import Client, Handler, Server, ServerConnection, serving
from live_envoy import Envoy
from mesh_files import anywhere, rendered
from patience import PATIENCE
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import THeaderClientType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_mesh.files import write_files
from metaprotocol_mesh.render.engine import Engine
from metaprotocol_sdk import Codec, ErrorType, Metadata

SERVICE = "reviews.default.svc.cluster.local"
LISTENER = "127.0.0.1_19080"
CHANCE = 1e-9
"""The probability that is never."""


@frozen
class Protocol:
    """Messages of a protocol, made without its codec where the codec could hide a mistake.

    Args:
        codec: Reads them.
        request: Takes a request's number and its properties.
        answer: Takes a request and a text.
    """

    codec: Codec
    request: Callable[[int, Mapping[str, str]], bytes]
    answer: Callable[[Metadata, str], bytes]

    def __str__(self) -> str:
        return self.codec.name

    def answering(self, text: str) -> Handler:
        """Return a handler that answers each request with a text."""

        def handle(message: Metadata, connection: ServerConnection) -> bytes | None:
            return self.answer(message, text) if message.expects_reply else None

        return handle

    def serving(self, text: str) -> Any:
        """Return the context of a server that answers each request with a text."""
        return serving(self.codec, self.answering(text))


def _dubbo_request(number: int, properties: Mapping[str, str]) -> bytes:
    attachments = dict(properties)
    path = attachments.pop("interface", dubbo_bytes.INTERFACE)
    method = attachments.pop("method", dubbo_bytes.METHOD)
    return dubbo_bytes.request(request_id=number, path=path, method=method, attachments=attachments)


def _dubbo_answer(message: Metadata, text: str) -> bytes:
    value_without_attachments = b"\x91"
    body = value_without_attachments + dubbo_bytes.string(f"<={text}=>")
    return dubbo_bytes.response(body, request_id=message.request_id)


def _thrift_request(number: int, properties: Mapping[str, str]) -> bytes:
    keys = dict(properties)
    method = keys.pop("method", "hello")
    call = thrift_messages.strict(thrift_messages.CALL, method, number, thrift_messages.STRUCTS["strict"]["hi"])
    return thrift_messages.in_header(call, seqid=number, information=thrift_messages.run(keys))


def _thrift_answer(message: Metadata, text: str) -> bytes:
    name, number, raw = message.properties["method"], message.request_id, f"<={text}=>".encode()
    result = b"\x0b" + struct.pack(">hi", 0, len(raw)) + raw + b"\x00"
    reply = thrift_messages.strict(thrift_messages.REPLY, name, number, result)
    if message.message[4:6] == b"\x0f\xff":
        return thrift_messages.in_header(reply, seqid=number)
    return thrift_messages.framed(reply)


AWESOMERPC = Protocol(
    awesome.CODEC,
    lambda number, properties: awesome.request(number, properties),
    lambda message, text: awesome.reply(message, f"<={text}=>".encode()),
)
DUBBO = Protocol(DubboCodec(), _dubbo_request, _dubbo_answer)
THRIFT = Protocol(thrift_messages.CODEC, _thrift_request, _thrift_answer)
PROTOCOLS = (AWESOMERPC, DUBBO, THRIFT)


class Caller(Client):
    """A client that calls by properties.

    Args:
        protocol: What it speaks.
        port: To connect to.
    """

    def __init__(self, protocol: Protocol, port: int) -> None:
        super().__init__(protocol.codec, port)
        self._protocol = protocol
        self._number = 0

    def ask(self, properties: Mapping[str, str] = {}) -> Metadata:
        """Make the next call, and return the answer, which has its number."""
        self._number += 1
        answer = self.call(self._protocol.request(self._number, properties))
        assert answer.request_id == self._number
        return answer

    def text(self, properties: Mapping[str, str] = {}) -> str:
        """Make the next call, and return the text that a server has answered."""
        return text_of(self.ask(properties))

    def error(self, properties: Mapping[str, str] = {}) -> ErrorType | None:
        """Make the next call, and return what went wrong; None if a server has answered."""
        return self._protocol.codec.error_type(self.ask(properties))

    def text_until(self, holds: Callable[[str], bool], properties: Mapping[str, str] = {}) -> str:
        """Call until the text that a server answers is one that is waited for, and return it."""
        end = time.monotonic() + PATIENCE
        while not holds(text := self.text(properties)):
            assert time.monotonic() < end, f"every answer is {text!r}"
        return text


def text_of(answer: Metadata) -> str:
    """Return the text that a server has answered."""
    found = re.search(rb"<=(.*?)=>", answer.message)
    assert found, answer.message
    return found[1].decode()


class ThriftLibrary:
    """A client of Thrift's own Python library.

    Args:
        port: To connect to.
        in_header: Speak THeader, otherwise framed.
    """

    def __init__(self, port: int, *, in_header: bool) -> None:
        socket = TSocket("127.0.0.1", port)
        socket.setTimeout(PATIENCE * 1000)
        self._in_header = in_header
        if in_header:
            self._protocol = THeaderProtocol(socket, [THeaderClientType.HEADERS])
        else:
            self._protocol = TBinaryProtocol(TFramedTransport(socket))
        self._number = 0

    def __enter__(self) -> Self:
        self._protocol.trans.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._protocol.trans.close()

    def call(self, method: str, **headers: str) -> str:
        """Call a method without arguments.

        Returns:
            What it returns, a string.

        Raises:
            TApplicationException: The answer is one.
        """
        protocol = self._protocol
        self._number += 1
        for name, value in headers.items():
            protocol.set_header(name.encode(), value.encode())
        protocol.writeMessageBegin(method, TMessageType.CALL, self._number)
        protocol.writeStructBegin("args")
        protocol.writeFieldStop()
        protocol.writeStructEnd()
        protocol.writeMessageEnd()
        protocol.trans.flush()
        name, kind, number = protocol.readMessageBegin()
        assert (name, number) == (method, self._number)
        if kind == TMessageType.EXCEPTION:
            error = TApplicationException()
            error.read(protocol)
            protocol.readMessageEnd()
            raise error
        protocol.readStructBegin()
        _, _, field = protocol.readFieldBegin()
        assert field == 0
        result: str = protocol.readString()
        protocol.readFieldEnd()
        assert protocol.readFieldBegin()[1] == 0
        protocol.readStructEnd()
        protocol.readMessageEnd()
        return result


def service(protocol: Protocol | str, servers: Mapping[str, list[int]], policy: str = "") -> str:
    """Return the service, its subsets and its listener.

    Args:
        protocol: What it speaks.
        servers: The ports of its servers, by version, which is also the name of a subset.
        policy: The DestinationRule's `trafficPolicy`, as YAML in one line.
    """
    endpoints = [
        f"  - {{address: 127.0.0.1, ports: {{http-{protocol}: {port}}}, labels: {{version: {version}}}}}"
        for version, ports in servers.items()
        for port in ports
    ]
    subsets = ", ".join(f"{{name: {version}, labels: {{version: {version}}}}}" for version in servers)
    return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [{SERVICE}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 9080, name: http-{protocol}, protocol: HTTP}}]
  endpoints:
{chr(10).join(endpoints)}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: default}}
spec:
  host: {SERVICE}
  subsets: [{subsets}]
  trafficPolicy: {policy or "{}"}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: here, namespace: default}}
spec:
  egress:
  - port: {{number: 19080, name: http-{protocol}, protocol: HTTP}}
    bind: 127.0.0.1
    captureMode: NONE
    hosts: ["./{SERVICE}"]
"""


def meta_router(spec: str) -> str:
    """Return Aeraki's MetaRouter of the service, without its hosts; the YAML stands at the margin."""
    lines = "".join(f"  {line}\n" for line in spec.strip().splitlines())
    head = "apiVersion: metaprotocol.aeraki.io/v1alpha1\nkind: MetaRouter\nmetadata: {name: reviews}\n"
    return f"{head}spec:\n  hosts: [{SERVICE}]\n{lines}"


def destination(version: str) -> str:
    """Return a subset of the service, as YAML in one line."""
    return f"{{host: {SERVICE}, subset: {version}}}"


def to(version: str, more: str = "") -> str:
    """Return an entry of `route`, as YAML in one line: a destination and more keys."""
    return f"{{destination: {destination(version)}{more}}}"


class LiveMesh:
    """An Envoy of files that it watches.

    Args:
        start: Starts one.
        folder: For the files.
        texts: The configuration.
    """

    def __init__(self, start: Callable[..., Envoy], folder: Path, *texts: str) -> None:
        self._folder = folder
        self.envoy = start(self.write(*texts)["bootstrap.json"])

    def write(self, *texts: str) -> Mapping[str, Any]:
        """Render a configuration and write what has changed, which Envoy then takes."""
        files = anywhere(rendered(*texts, engine=Engine.installed())).files(self._folder)
        write_files(self._folder, files)
        return files

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self.envoy.port(LISTENER)


def likely(count: int, share: float) -> range:
    """Return how many of `count` independent events happen, except with a probability below `CHANCE`."""
    weights = [comb(count, n) * share**n * (1 - share) ** (count - n) for n in range(count + 1)]
    low = next(n for n in range(count + 1) if sum(weights[: n + 1]) > CHANCE / 2)
    high = next(n for n in range(count, -1, -1) if sum(weights[n:]) > CHANCE / 2)
    return range(low, high + 1)


@contextmanager
def versions(protocol: Protocol, *names: str) -> Iterator[dict[str, Server]]:
    """Run a server for each version, which answers with its name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(protocol.serving(name)) for name in names}


def ports(servers: Mapping[str, Server]) -> dict[str, list[int]]:
    """Return the ports of some servers, by version."""
    return {name: [server.port] for name, server in servers.items()}
