"""A new id in a compressed body changes all bytes of the body, and must not change its contents."""

from pathlib import Path

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.theader import transforms
from metaprotocol_sdk import Metadata, Mutation
from metaprotocol_sdk.testing import EFFORTS, Result, Subject, Verdict, check, read_vectors

# Go packs with another zlib than Python does, so no message of its comes back byte by byte.
RECORDED = Path(__file__).parents[1] / "vectors" / "thrift" / "compact-header+zlib-go-to-python*"


class ChangesTheTextWithTheId(ThriftCodec):
    """It unpacks, and packs something else."""

    def encode(self, metadata: Metadata, mutation: Mutation, request_id: int | None = None) -> bytes:
        message = super().encode(metadata, mutation, request_id)
        header = metadata.state and metadata.state[3]
        if request_id in (None, metadata.request_id) or not header or not header.transforms:
            return message
        data = transforms.undo(message, header.transforms, header.end, self.limits)
        packed = transforms.apply(data.replace("Grüße".encode(), b"Busse!!"), header.transforms)
        size = header.end + len(packed) - 4
        return size.to_bytes(4) + message[4 : header.end] + packed


def renumbered(codec: type[ThriftCodec]) -> Result:
    subject = Subject(codec, vectors=read_vectors(ThriftCodec, RECORDED), effort=EFFORTS["quick"])
    (result,) = check(subject, ["MP-ID-001"]).results
    return result


def test_a_body_that_another_packer_packed_may_come_back_in_other_bytes() -> None:
    assert renumbered(ThriftCodec).verdict is Verdict.HOLDS


def test_a_packed_body_with_other_contents_is_found() -> None:
    assert renumbered(ChangesTheTextWithTheId).diagnosis == "with another id the message has another body"
