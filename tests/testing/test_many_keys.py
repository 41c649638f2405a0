"""A message of many different keys, which a codec that refuses duplicates reads to the end."""

import struct

import pytest

from metaprotocol_sdk import Codec, DecodeError, Direction, HeaderLength, MessageType, Metadata, UnsupportedMutation
from metaprotocol_sdk.testing import EFFORTS, Subject, check

HEADER = struct.Struct(">II")  # of the id, and of the size of the lines that follow


class Lines(Codec):
    name = "lines"
    framing = HeaderLength(8, lambda header: 8 + int.from_bytes(header[4:8], "big"))
    max_request_id = 2**32 - 1

    def decode(self, message, direction):
        metadata = Metadata(message, MessageType.REQUEST, HEADER.unpack_from(message)[0], header_size=len(message))
        for line in self.lines(message[8:]):
            key, equals, value = line.decode("ascii", "replace").partition("=")
            if not equals or key in metadata.properties:
                raise DecodeError(f"this is no new key: {key[:40]!r}", offset=8)
            metadata.properties[key] = value
        return metadata

    def lines(self, block):
        return block.splitlines()

    def encode(self, metadata, mutation, request_id=None):
        if not mutation and request_id is None:
            return metadata.message
        number = metadata.request_id if request_id is None else request_id
        there = (metadata.properties | mutation).items()
        try:
            block = "".join(f"{key}={value}\n" for key, value in there if value is not None).encode("ascii")
        except UnicodeEncodeError:
            raise UnsupportedMutation("only ASCII") from None
        return HEADER.pack(number, len(block)) + block

    def examples(self):
        yield Direction.TO_SERVER, HEADER.pack(7, 9) + b"user=ann\n"


class CopiesTheRestForEachLine(Lines):
    def lines(self, block):
        while block:
            line, _, block = block.partition(b"\n")
            yield line


@pytest.mark.parametrize(("codec", "fails"), [(Lines, set()), (CopiesTheRestForEachLine, {"MP-COST-003"})])
def test_work_inside_calls_is_found_where_no_key_may_come_twice(codec: type[Codec], fails: set[str]) -> None:
    report = check(Subject(codec, effort=EFFORTS["quick"]), ["MP-COST-003"], stop=False)
    assert report.failing() == fails
