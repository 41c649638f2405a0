"""Ledger, made up after Kafka: a response is a number and bytes, and only its request tells what they mean."""

from collections.abc import Iterable

from construct import Int16ub, Int32ub, Struct

from metaprotocol_sdk import (
    Codec,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Layout,
    LengthField,
    MessageType,
    Metadata,
    Mutation,
    Status,
    UnsupportedMutation,
)

REQUEST = Layout(Struct("length" / Int32ub, "api" / Int16ub, "version" / Int16ub, "id" / Int32ub))
RESPONSE = Layout(Struct("length" / Int32ub, "id" / Int32ub, "code" / Int16ub))
APIS = {0: "produce", 1: "fetch", 18: "versions"}
NO_SUCH_API = 35
CODES = {ErrorType.TIMEOUT: 7, ErrorType.OVER_LIMIT: 89, ErrorType.UNAUTHORIZED: 29}


class LedgerCodec(Codec):
    name = "ledger"
    framing = LengthField(offset=0, length=4)
    max_request_id = 2**32 - 1

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        if direction is Direction.TO_SERVER:
            _, api, version, number = REQUEST.unpack(message)
            properties = {"api": APIS.get(api, str(api)), "version": str(version)}
            return Metadata(
                message, MessageType.REQUEST, number, properties["api"], properties=properties, header_size=12
            )
        _, number, code = RESPONSE.unpack(message)
        failed = code != 0
        kind = MessageType.EXCEPTION if failed else MessageType.RESPONSE
        status = Status.ERROR if failed else Status.OK
        return Metadata(message, kind, number, "", status, header_size=10, status_code=code)

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        if mutation:
            raise UnsupportedMutation("Ledger has no headers")
        if request_id is None:
            return metadata.message
        if not 0 <= request_id <= self.max_request_id:
            raise EncodeError(f"{request_id} does not fit 32 bits")
        at = 8 if metadata.message_type is MessageType.REQUEST else 4
        return metadata.message[:at] + request_id.to_bytes(4) + metadata.message[at + 4 :]

    def on_error(self, request: Metadata, error: Error) -> bytes:
        if not request.expects_reply:
            return b""
        code = CODES.get(error.type, NO_SUCH_API) if error.code is None else error.code
        if code == 0:
            raise EncodeError("0 is success")
        return RESPONSE.build(length=6, id=request.request_id, code=code)

    def error_type(self, response: Metadata) -> ErrorType | None:
        if response.status is Status.OK:
            return None
        return next((reason for reason, code in CODES.items() if code == response.status_code), ErrorType.UNSPECIFIED)

    def complete(self, response: Metadata) -> None:
        response.operation = response.request.operation
        response.properties["api"] = response.request.properties["api"]

    def examples(self) -> Iterable[tuple[Direction, bytes]]:
        for number, api in enumerate(APIS):
            yield Direction.TO_SERVER, REQUEST.build(length=8 + 3, api=api, version=1, id=number) + b"abc"
        yield Direction.TO_CLIENT, RESPONSE.build(length=6 + 2, id=1, code=0) + b"ok"
        yield Direction.TO_CLIENT, RESPONSE.build(length=6, id=0, code=7)
