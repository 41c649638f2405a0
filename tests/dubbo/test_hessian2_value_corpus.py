"""Values that Java and JavaScript wrote are read as what they were, and written as Java wrote them."""

from pathlib import Path

import pytest
from hessian2_values import same
from hessian2_vectors import named_value, vectors

from metaprotocol_codecs.hessian2 import Instance, TypedList, describe, read_value, write_value
from metaprotocol_sdk import Limits

ENCODERS = ("java-lite3", "java-lite4", "hessianjs-2.11")
# What lite 3 and JavaScript write in other bytes or under other names than lite 4, and what names do not say.
_LITE3_TYPED = {"list untyped [1,a,null]", "list 8", "list same object twice", "empty ArrayList"}
_JS_OTHERWISE = {"object Inner", "list same object twice", "typed list", "typed map"}
_UNNAMED = {"BigInteger", "Exception"}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_recorded_value_is_read_to_its_end(corpus: Path, encoder: str) -> None:
    for vector in vectors(corpus, encoder):
        assert read_value(vector.data, 0, Limits())[1] == len(vector.data), vector.name


@pytest.mark.parametrize(
    ("encoder", "least", "but"),
    [
        ("java-lite3", 90, _UNNAMED | _LITE3_TYPED),
        ("java-lite4", 90, _UNNAMED),
        ("hessianjs-2.11", 60, _JS_OTHERWISE),
    ],
)
def test_recorded_values_are_what_their_names_say(corpus: Path, encoder: str, least: int, but: set[str]) -> None:
    named = [vector for vector in vectors(corpus, encoder) if vector.name not in but]
    assert len(named) >= least
    for vector in named:
        value = read_value(vector.data, 0, Limits())[0]
        assert same(value, named_value(vector.name)), (vector.name, describe(value, 200))


@pytest.mark.parametrize("name", sorted(_LITE3_TYPED))
def test_lists_of_hessian_lite_3_name_the_class_array_list(corpus: Path, name: str) -> None:
    vector = next(vector for vector in vectors(corpus, "java-lite3") if vector.name == name)
    expected = TypedList("java.util.ArrayList", named_value(name))
    assert same(read_value(vector.data, 0, Limits())[0], expected)


def test_an_exception_has_its_text_and_its_stack_trace(corpus: Path) -> None:
    vector = next(vector for vector in vectors(corpus, "java-lite4") if vector.name == "Exception")
    exception = read_value(vector.data, 0, Limits())[0]
    assert exception.class_name == "java.lang.IllegalStateException"
    assert isinstance(exception.fields["detailMessage"], str)
    trace = exception.fields["stackTrace"]
    assert trace.type == "[java.lang.StackTraceElement"
    assert all(isinstance(element, Instance) and "lineNumber" in element.fields for element in trace)
    assert exception.fields["cause"] is exception  # in Java too: it has no cause


def test_what_hessian_lite_4_wrote_is_written_in_the_same_bytes(corpus: Path) -> None:
    written = vectors(corpus, "java-lite4")
    assert len(written) >= 95
    for vector in written:
        again = write_value(read_value(vector.data, 0, Limits())[0])
        assert again == vector.data, (vector.name, again[:40].hex())


def test_what_hessian_lite_3_wrote_is_written_in_the_same_bytes_but_for_long_binaries(corpus: Path) -> None:
    for vector in vectors(corpus, "java-lite3"):
        if vector.name not in ("binary 4096", "binary 65535"):  # in chunks of half the size
            assert write_value(read_value(vector.data, 0, Limits())[0]) == vector.data, vector.name
