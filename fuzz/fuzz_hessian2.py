# Invariant: any bytes are values or a ProtocolError; building them and skipping them agree on which, on where they end
# and on what they number; what was built can be described, and written so that it reads and is written the same again.
from support import Target, instrumented, main, recorded

with instrumented():
    from metaprotocol_codecs import hessian2
    from metaprotocol_sdk import EncodeError, Limits, ProtocolError

FAR = 2**40
LIMITS = Limits(max_depth=FAR, max_elements=FAR, max_references=FAR, max_class_definitions=FAR, max_value_length=FAR)


class Hessian2Target(Target):
    """Reads one value, skips it, and writes it again."""

    name = "hessian2"

    def seeds(self) -> list[bytes]:
        """Return the bodies of recorded messages, and each of their ends."""
        bodies = [data[16:] for data in recorded("dubbo")]
        return [body[at:] for body in bodies for at in range(0, len(body), 7)]

    def one_input(self, data: bytes) -> object:
        """Return what the bytes are, or how they are refused."""
        skipped = self._skipped(data)
        reader = hessian2.Reader(data, 0, LIMITS)
        try:
            value = reader.read()
        except ProtocolError as error:
            if skipped is not None:
                raise AssertionError(f"it is skipped to {skipped}, and cannot be built: {error}") from error
            return str(error).translate(DIGITS)
        if reader.position != skipped:
            raise AssertionError(f"built it ends at {reader.position}, and skipped at {skipped}")
        text = hessian2.describe(value, 500)
        if len(text) > 500 or not text.isprintable():
            raise AssertionError(f"its description is {text!r}")
        self._write_again(value)
        return type(value).__name__, len(text) // 50

    def _skipped(self, data: bytes) -> int | None:
        try:
            return hessian2.skip_values(data, 0, 1, hessian2.ReferenceTables())
        except ProtocolError:
            return None

    def _write_again(self, value: object) -> None:
        try:
            written = hessian2.write_value(value)
        except EncodeError:
            return
        again, end = hessian2.read_value(written, 0, LIMITS)
        if end != len(written):
            raise AssertionError(f"what was written has {len(written)} bytes, of which {end} are read")
        if (twice := hessian2.write_value(again)) != written:
            raise AssertionError(f"it is written as {written.hex()}, and read and written again as {twice.hex()}")


DIGITS = str.maketrans("", "", "0123456789abcdef")

if __name__ == "__main__":
    main(Hessian2Target())
