"""Writes dictionaries/NAME.dict: the short fields of each codec's good messages, in libFuzzer's format."""

from pathlib import Path

from codec_target import CodecTarget

from metaprotocol_sdk import available_codecs

FOLDER = Path(__file__).parent / "dictionaries"


def quoted(token: bytes) -> str:
    """Return a token as libFuzzer reads it."""
    return '"' + "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in token) + '"'


def main() -> None:
    """Write them all."""
    for found in available_codecs():
        if found.distribution != "metaprotocol-sdk":
            continue
        tokens = sorted(set(CodecTarget(found.load()()).tokens()))
        path = FOLDER / f"{found.name}.dict"
        path.write_text("".join(f"{quoted(token)}\n" for token in tokens), "ascii")
        print(f"{path.name}: {len(tokens)} tokens")


if __name__ == "__main__":
    main()
