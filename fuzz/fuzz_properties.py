# Invariant: properties that the tests state with hypothesis hold for whatever hypothesis makes of any bytes.
import importlib.util
import sys
from pathlib import Path

from support import Target, instrumented, main

TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS / "support")]

PROPERTIES = {
    "dubbo-mutation": ("dubbo/test_mutation_properties.py", "test_a_mutation_leaves_every_other_value_what_it_was"),
    "dubbo-undone": (
        "dubbo/test_mutation_properties.py",
        "test_new_keys_that_go_again_in_any_order_leave_the_original_contents",
    ),
    "hessian2-forms": (
        "dubbo/test_hessian2_reader_and_skip.py",
        "test_values_in_every_form_end_where_they_are_skipped_to",
    ),
    "hessian2-round-trip": (
        "dubbo/test_hessian2_value_round_trip.py",
        "test_a_value_that_was_read_is_written_as_the_same_bytes",
    ),
    "thrift-cuts": ("thrift/test_streams.py", "test_any_bytes_give_the_same_however_they_were_cut"),
}


class PropertyTarget(Target):
    """Gives bytes to a property; hypothesis makes its arguments of them.

    Args:
        name: Which of `PROPERTIES`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path, test = PROPERTIES[name]
        spec = importlib.util.spec_from_file_location(f"fuzzed_{name.replace('-', '_')}", TESTS / path)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(path)
        module = importlib.util.module_from_spec(spec)
        with instrumented():
            spec.loader.exec_module(module)
        self._fuzz_one_input = getattr(module, test).hypothesis.fuzz_one_input

    def seeds(self) -> list[bytes]:
        """Return bytes of some lengths: what they mean is hypothesis' business."""
        return [bytes(64), bytes(range(256)), b"\xff" * 256, bytes(2_000)]

    def one_input(self, data: bytes) -> object:
        """Return the canonical form of the bytes, of which a new one is worth keeping; None if they are too few."""
        canonical = self._fuzz_one_input(data)
        return None if canonical is None else len(canonical) // 8


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PROPERTIES:
        sys.exit(f"say which property: {', '.join(PROPERTIES)}")
    main(PropertyTarget(sys.argv.pop(1)))
