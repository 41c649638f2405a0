"""The reader reads every value that the writer writes as the same value."""

from typing import Any

from hessian2_values import UNBOUNDED, same, scalars, values
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import (
    Reader,
    ReferenceTables,
    Writer,
    describe,
    read_string,
    read_value,
    skip_values,
    write_string,
    write_value,
)


@given(values())
def test_a_written_value_is_read_as_the_same_value(value: Any) -> None:
    written = write_value(value)
    again, end = read_value(written, 0, UNBOUNDED)
    assert end == len(written)
    assert same(value, again)


@given(values())
def test_a_value_that_was_read_is_written_as_the_same_bytes(value: Any) -> None:
    written = write_value(value)
    assert write_value(read_value(written, 0, UNBOUNDED)[0]) == written


@given(st.lists(values(), max_size=4), st.data())
def test_the_values_of_one_message_share_what_they_refer_to(each: list[Any], data: st.DataObject) -> None:
    if each:
        each.append(data.draw(st.sampled_from(each)))
    writer = Writer()
    written = b"".join(writer.write(value) for value in each)
    reader = Reader(written, 0, UNBOUNDED)
    assert same(each, [reader.read() for _ in each])
    assert reader.position == len(written)


@given(values())
def test_what_the_writer_writes_can_be_skipped(value: Any) -> None:
    written = write_value(value)
    assert skip_values(written, 0, 1, ReferenceTables()) == len(written)


@given(scalars().filter(lambda value: isinstance(value, str)))
def test_a_written_string_is_read_by_the_string_reader(text: str) -> None:
    written = write_string(text)
    assert read_string(written, 0) == (text, len(written))


@given(values(), st.integers(1, 300))
def test_a_description_keeps_to_its_length_and_to_one_printable_line(value: Any, most: int) -> None:
    text = describe(value, most)
    assert 0 < len(text) <= most
    assert text.isprintable()
