"""Invariant: any bytes give messages or a ProtocolError, and every message is written back as it came.

For atheris: `pip install atheris`, then `python fuzz/fuzz_decode.py`. Without it: `metaprotocol fuzz {{ cookiecutter.name }}`.
"""

import sys

from metaprotocol_sdk import Direction, MessageDecoder, Mutation

from {{ cookiecutter.package }} import {{ cookiecutter.__codec_class }}

codec = {{ cookiecutter.__codec_class }}()


def fuzz_one_input(data: bytes) -> None:
    """Try one input."""
    for direction in Direction:
        for metadata in MessageDecoder(codec, direction).feed(data):
            if codec.encode(metadata, Mutation()) != metadata.message:
                raise AssertionError(f"{metadata.message.hex()} is not written back as it came")
            codec.spans(metadata)


if __name__ == "__main__":
    import atheris  # type: ignore[import-not-found]

    atheris.Setup(sys.argv, fuzz_one_input)
    atheris.Fuzz()
