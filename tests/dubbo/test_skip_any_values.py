"""Skipping against judges that share nothing with it: the grammar, drawn at random, and recorded encoders."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metaprotocol_codecs.dubbo.strategies import hessian2_values
from metaprotocol_codecs.hessian2 import ReferenceTables, skip_values
from metaprotocol_sdk import DecodeError

ENCODERS = ["hessianjs-2.11", "java-lite3", "java-lite4"]


@given(hessian2_values(), st.binary(max_size=20))
def test_values_of_any_form_end_where_they_end_whatever_follows(values, trailing):
    assert skip_values(values.data + trailing, 0, values.count, ReferenceTables()) == len(values.data)


@given(hessian2_values())
def test_a_reader_s_numbers_are_counted(values):
    tables = ReferenceTables()
    skip_values(values.data, 0, values.count, tables)
    assert (tables.references, tables.types, tables.field_counts) == (
        values.references,
        values.types,
        values.field_counts,
    )


@given(hessian2_values(), st.data())
def test_values_that_are_cut_off_are_an_error_at_the_end_of_the_data(values, data):
    size = data.draw(st.integers(0, len(values.data) - 1))
    with pytest.raises(DecodeError) as caught:
        skip_values(values.data[:size], 0, values.count, ReferenceTables())
    assert caught.value.offset == size


@given(hessian2_values())
def test_values_are_skipped_one_call_each_as_in_one_call(values):
    whole, single = ReferenceTables(), ReferenceTables()
    end = skip_values(values.data, 0, values.count, whole)
    position = 0
    for _ in range(values.count):
        position = skip_values(values.data, position, 1, single)
    assert position == end
    assert (single.references, single.types, single.field_counts) == (
        whole.references,
        whole.types,
        whole.field_counts,
    )


@given(st.binary(max_size=200), st.integers(0, 4))
@example(b"\x48\x5a" * 50, 4)
def test_any_bytes_are_values_or_a_decode_error_with_its_place(data, count):
    try:
        end = skip_values(data, 0, count, ReferenceTables())
    except DecodeError as error:
        place = error.offset
    else:
        place = end
    assert 0 <= place <= len(data)


@pytest.mark.parametrize("trailing", ["", "00", "5a", "ff ff ff", "edb880"], ids=lambda text: text or "nothing")
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_recorded_value_ends_at_its_exact_length(corpus, encoder, trailing):
    rows = json.loads((corpus / "hessian2" / f"{encoder}.json").read_text("utf-8"))["vectors"]
    recorded = [row for row in rows if row["Hex"] and not row["Hex"].startswith("len")]  # some have no bytes
    assert len(recorded) > 70
    ends = {row["Name"]: skip_values(bytes.fromhex(row["Hex"] + trailing), 0, 1, ReferenceTables()) for row in recorded}
    assert ends == {row["Name"]: row["Len"] for row in recorded}
