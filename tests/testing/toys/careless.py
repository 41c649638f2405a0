"""Codecs and strategies with mistakes of the first hour, which must not stop the kit itself."""

import sys

from hypothesis import strategies as st

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Framing


class ExamplesFail(AwesomeRpcCodec):
    def examples(self):
        yield from super().examples()
        raise KeyError("sample.bin")


class ExamplesNeverEnd(AwesomeRpcCodec):
    def examples(self):
        while True:
            yield from super().examples()


class Prints(AwesomeRpcCodec):
    def decode(self, message, direction):
        sys.stdout.write("a message\n")
        return super().decode(message, direction)


class HasNoScanner(AwesomeRpcCodec):
    class Broken(Framing):
        def scanner(self, direction, limits):
            raise RuntimeError("not yet written")

    framing = Broken()


class ClaimsNone(AwesomeRpcCodec):
    capabilities = None


class EndsTheProcess(AwesomeRpcCodec):
    def decode(self, message, direction):
        raise SystemExit(3)


class ForgetsToReturn(AwesomeRpcCodec):
    def encode(self, metadata, mutation, request_id=None):
        super().encode(metadata, mutation, request_id)


class HasNoConnection(AwesomeRpcCodec):
    def for_connection(self):
        pass


def numbers():
    return st.just(5)


def texts():
    return st.just((Direction.TO_SERVER, "no bytes"))


def broken():
    return st.none().map(len)
