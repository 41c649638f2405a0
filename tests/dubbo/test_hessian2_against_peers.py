"""Our writer and reader against the hessian2 packages on PyPI, each in the cases that it gets right."""

import math
import string
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from hessian2_values import UNBOUNDED, same
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList, read_value, write_value

_INTS = st.integers(-(2**31), 2**31 - 1)
_LONGS = st.integers(-(2**63), 2**63 - 1)
_DOUBLES = st.floats(allow_nan=False) | _INTS.map(lambda thousandths: 0.001 * thousandths)
# python-hessian loses "z{|}~" in strings of 1,024 characters and more; hessian-codec reads no surrogates.
_CHARACTERS = st.sampled_from(string.ascii_lowercase[:25] + "éß世界\0 ")
_TEXTS = st.text(_CHARACTERS) | st.builds(
    lambda unit, count: unit * count, _CHARACTERS, st.sampled_from([32, 1024, 70_000])
)
_BINARIES = st.binary() | st.builds(
    lambda byte, count: byte * count, st.binary(min_size=1, max_size=1), st.just(20_000)
)
_NAMES = st.sampled_from(["org.example.User", "a.B", "a.C"])


def _plain(value: Any) -> Any:
    """Return a value in Python's own classes, as the peers do: without the classes that only we tell apart."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Map):
        return {_plain(key): _plain(item) for key, item in value.pairs}
    if isinstance(value, Instance):
        return {name: _plain(item) for name, item in value.fields.items()}
    return int(value) if isinstance(value, Long) else value


def _trees(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return values in which no container is there twice: both peers number what they read otherwise than Java."""

    def containers(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        items = st.lists(item, min_size=1, max_size=10)
        return (
            items
            | st.builds(TypedList, st.sampled_from(["[int", "java.util.LinkedList"]), items)
            | st.dictionaries(keys, item, max_size=4).map(Map)
            | st.builds(
                lambda name, values: Instance(name, dict(zip("abcd", values, strict=False))),
                _NAMES,
                st.lists(item, min_size=1, max_size=4),
            )
        )

    return st.recursive(scalars, containers, max_leaves=20)


_SCALARS = st.none() | st.booleans() | _INTS | _LONGS.map(Long) | _DOUBLES | _TEXTS | _BINARIES
_KEYS = _INTS | st.text(_CHARACTERS, max_size=40)


def _plain_theirs(value: Any) -> Any:
    """Return a value of python-hessian's in Python's own classes."""
    if isinstance(value, list | tuple):
        return [_plain_theirs(item) for item in value]
    if isinstance(value, dict):
        return {_plain_theirs(key): _plain_theirs(item) for key, item in value.items()}
    if type(value).__name__ == "Binary":
        return value.value
    if value is None or isinstance(value, int | float | str):
        return value
    return {name: _plain_theirs(item) for name, item in value.__getstate__().items()}


@given(_trees(_SCALARS, _KEYS))
def test_python_hessian_reads_what_we_write(value: Any) -> None:
    parser = pytest.importorskip("pyhessian.parser", reason="python-hessian is not installed")

    stream = parser.Parser()
    stream._stream = BytesIO(write_value(value))
    assert _plain_theirs(parser.ParserV2(stream)._read_object()) == _plain(value)
    assert not stream._stream.read()


@given(_trees(_SCALARS, _KEYS))
def test_hessian_codec_reads_what_we_write(value: Any) -> None:
    peer = pytest.importorskip("hessian_codec", reason="hessian-codec is not installed")
    assert peer.loads(write_value(value)) == _plain(value)


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_hessian_codec_reads_our_dates(seconds: int) -> None:
    peer = pytest.importorskip("hessian_codec", reason="hessian-codec is not installed")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert peer.loads(write_value(Date(1_000 * seconds))) == moment


@given(
    st.none()
    | st.booleans()
    | _INTS
    | st.integers(2**31, 2**63 - 1)
    | st.sampled_from([0.0, 1.0, -1.0, 127.0, 1.5, math.inf])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=2_000)
    | _BINARIES
)
def test_we_read_what_hessian_codec_writes(value: Any) -> None:
    """Only scalars: it writes a list's end behind one of a fixed length, and a map's length."""
    peer = pytest.importorskip("hessian_codec", reason="hessian-codec is not installed")
    written = peer.dumps(value)
    again, end = read_value(written, 0, UNBOUNDED)
    assert end == len(written)
    is_long = isinstance(value, int) and value >= 2**31
    assert same(again, Long(value) if is_long else value)
