"""A codec as a target: what `metaprotocol fuzz` tries, for whoever runs atheris or libFuzzer himself."""

from metaprotocol_sdk import Codec
from metaprotocol_sdk.testing import Subject
from metaprotocol_sdk.testing.fuzzing import FUZZ, FuzzTarget, fuzz_seeds, tokens
from support import Target, recorded


class CodecTarget(Target):
    """Holds a codec to the properties of the kit that are true of any bytes.

    Args:
        codec: The codec.
    """

    def __init__(self, codec: Codec) -> None:
        self.name = codec.name
        self.subject = Subject(lambda: codec, effort=FUZZ)
        self._target = FuzzTarget(self.subject)

    def seeds(self) -> list[bytes]:
        """Return good messages, damaged ones, and recorded streams."""
        return fuzz_seeds(self.subject) + recorded(self.name)

    def tokens(self) -> list[bytes]:
        """Return the short fields of good messages."""
        return tokens(self.subject)

    def one_input(self, data: bytes) -> object:
        """Return what the codec made of the bytes."""
        findings, kind = self._target.quick(data)
        if findings:
            raise AssertionError(findings[0].text(self.subject)) from findings[0].cause
        return kind
