"""A service and its clients, in any of three protocols: AwesomeRPC, Dubbo and Thrift."""

import re
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import dubbo_bytes
import thrift_messages
from attrs import frozen
from live_engine import awesome
from live_engine.peers import Client, Handler, ServerConnection, serving
from patience import PATIENCE
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import THeaderClientType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import Codec, ErrorType, Metadata


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


def _framed_request(number: int, properties: Mapping[str, str]) -> bytes:
    keys = dict(properties)
    call = thrift_messages.strict(
        thrift_messages.CALL, keys.pop("method", "hello"), number, thrift_messages.STRUCTS["strict"]["hi"]
    )
    assert not keys, "a frame has room for the method alone"
    return thrift_messages.framed(call)


def _thrift_answer(message: Metadata, text: str) -> bytes:
    name, number, raw = message.properties["method"], message.request_id, f"<={text}=>".encode()
    result = b"\x0b" + struct.pack(">hi", 0, len(raw)) + raw + b"\x00"
    reply = thrift_messages.strict(thrift_messages.REPLY, name, number, result)
    if message.message[4:6] == b"\x0f\xff":
        return thrift_messages.in_header(reply, seqid=number)
    return thrift_messages.framed(reply)


AWESOMERPC = Protocol(
    awesome.CODEC,
    awesome.request,
    lambda message, text: awesome.reply(message, f"<={text}=>".encode()),
)
DUBBO = Protocol(DubboCodec(), _dubbo_request, _dubbo_answer)
THRIFT = Protocol(thrift_messages.CODEC, _thrift_request, _thrift_answer)
PROTOCOLS = (AWESOMERPC, DUBBO, THRIFT)
FRAMED = Protocol(thrift_messages.CODEC, _framed_request, _thrift_answer)
"""Thrift without THeader: its messages carry the method, and no other property."""


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

    def errors(self, count: int, properties: Mapping[str, str] = {}) -> list[ErrorType | None]:
        """Make some calls, and return what went wrong with each; None for those that a server has answered."""
        return [self.error(properties) for _ in range(count)]

    def text_until(self, holds: Callable[[str], bool], properties: Mapping[str, str] = {}) -> str:
        """Call until the text that a server answers is one that is waited for, and return it."""
        end = time.monotonic() + PATIENCE
        while not holds(text := text_or_error(self.ask(properties))):
            assert time.monotonic() < end, f"every answer is {text!r}"
        return text


def text_of(answer: Metadata) -> str:
    """Return the text that a server has answered."""
    text = text_or_error(answer)
    assert text, answer.message
    return text


def text_or_error(answer: Metadata) -> str:
    """Return the text that a server has answered; "" if it is an error."""
    found = re.search(rb"<=(.*?)=>", answer.message)
    return found[1].decode() if found else ""


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
