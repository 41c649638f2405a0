"""Java's hessian-lite reads what our writer writes as the same value, and our reader what it writes in turn."""

import math
import struct
from itertools import combinations
from operator import itemgetter
from typing import Any, Protocol

import pytest
from hessian2_values import UNBOUNDED, scalars
from hypothesis import given, settings
from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList, read_value, write_value
from metaprotocol_sdk import Limits

pytestmark = pytest.mark.interop


class Oracle(Protocol):
    """The result of the fixture; see there."""

    def ask(self, data: bytes) -> tuple[str, bytes]: ...


def in_words(value: Any) -> str:
    """Return a value in the words of Oracle.java."""
    return _say(value, {})


def _say(value: Any, seen: dict[int, int]) -> str:
    if not isinstance(value, list | Map | Instance):
        return _scalar_in_words(value)
    number = len(seen)
    if seen.setdefault(id(value), number) != number:
        return f"@{seen[id(value)]}"
    if isinstance(value, list):
        kind = value.type if isinstance(value, TypedList) else ""
        kind = "" if kind == "java.util.ArrayList" else kind
        return f"#{number}[{kind}:" + ",".join(_say(item, seen) for item in value) + "]"
    pairs = list(value.fields.items()) if isinstance(value, Instance) else value.pairs
    in_order = sorted(((_scalar_in_words(key), item) for key, item in pairs), key=itemgetter(0))
    text = ",".join(f"{key}={_say(item, seen)}" for key, item in in_order)
    if isinstance(value, Instance):
        return f"#{number}({value.class_name}:{text})"
    return f"#{number}{{{value.type or ''}:{text}}}"


def _scalar_in_words(value: Any) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int):
        return f"{'l' if isinstance(value, Long) else 'i'}{int(value)}"
    if isinstance(value, float):
        return "d7ff8000000000000" if math.isnan(value) else f"d{struct.pack('>d', value).hex()}"
    if isinstance(value, Date):
        return f"t{value.milliseconds}"
    return f"s{value.encode('utf-16-be', 'surrogatepass').hex()}" if isinstance(value, str) else f"b{value.hex()}"


def _is_negative_zero(value: Any) -> bool:
    return isinstance(value, float) and str(value) == "-0.0"


# Java itself loses the sign of -0.0 when it writes.
_SCALARS = scalars().filter(lambda value: not _is_negative_zero(value))
_INTS = st.integers(-(2**31), 2**31 - 1)
_LONGS = st.integers(-(2**63), 2**63 - 1).map(Long)
_DOUBLES = _SCALARS.filter(lambda value: isinstance(value, float))
_TEXTS = st.text(max_size=40)
_ARRAYS = {
    "[int": _INTS,
    "[long": _LONGS,
    "[double": st.floats(width=32).filter(lambda value: not _is_negative_zero(value)),
    "[boolean": st.booleans(),
    "[string": st.none() | _TEXTS,
}
_KEYS = st.none() | st.booleans() | _INTS | _LONGS | _TEXTS


@st.composite
def java_values(draw: st.DrawFn) -> Any:
    """Return values of classes that Java knows, in which containers hold scalars and one another."""
    kinds = st.sampled_from(["list", "linked list", "object array", "map", "tree map", "node", "array"])
    containers = [_empty(draw, draw(kinds)) for _ in range(draw(st.integers(0, 8)))]
    if not containers:
        return draw(_SCALARS)
    child = _SCALARS | st.sampled_from(range(len(containers))).map(containers.__getitem__)
    for container in containers:
        if isinstance(container, Instance):
            _fill_node(draw, container, containers, child)
        elif isinstance(container, Map):
            keys = _TEXTS if container.type else _KEYS
            container.pairs.extend(draw(st.lists(st.tuples(keys, child), max_size=4, unique_by=_key_in_words)))
        elif not isinstance(container, TypedList) or container.type in ("java.util.LinkedList", "[object"):
            container.extend(draw(st.lists(child, max_size=10)))
    return containers[0]


def _key_in_words(pair: tuple[Any, Any]) -> str:
    return _scalar_in_words(pair[0])


def _empty(draw: st.DrawFn, kind: str) -> Any:
    if kind == "array":
        element = draw(st.sampled_from(sorted(_ARRAYS)))
        return TypedList(element, draw(st.lists(_ARRAYS[element], max_size=10)))
    return {
        "list": list,
        "linked list": lambda: TypedList("java.util.LinkedList"),
        "object array": lambda: TypedList("[object"),
        "map": Map,
        "tree map": lambda: Map([], "java.util.TreeMap"),
        "node": lambda: Instance("Oracle$Node"),
    }[kind]()


def _fill_node(draw: st.DrawFn, node: Instance, containers: list[Any], child: st.SearchStrategy[Any]) -> None:
    def one_of(predicate: Any) -> Any:
        return draw(st.sampled_from([None, *filter(predicate, containers)]))

    node.fields.update(
        number=draw(_INTS),
        big=draw(_LONGS),
        real=draw(_DOUBLES),
        flag=draw(st.booleans()),
        text=draw(st.none() | _TEXTS),
        data=draw(st.none() | st.binary()),
        moment=draw(st.none() | st.integers(-(2**53), 2**53).map(Date)),
        any=draw(child),
        items=one_of(lambda value: type(value) is list),
        tags=one_of(lambda value: isinstance(value, Map)),
        next=one_of(lambda value: isinstance(value, Instance)),
    )


@settings(max_examples=250)
@given(value=java_values())
def test_java_reads_what_we_write_and_we_read_what_java_writes(oracle: Oracle, value: Any) -> None:
    words, written = oracle.ask(write_value(value))
    assert words == in_words(value)
    again, end = read_value(written, 0, UNBOUNDED)
    assert end == len(written)
    assert in_words(again) == in_words(value)


@pytest.mark.parametrize(
    "value",
    [
        "x" + "😀" * 0x4000,
        "\ud83d" * 0x8001,
        "a" * 0x10001,
        bytes(100_000),
        -0.0,
        0.009,
        0.001 * 9,
        Long(2**63 - 1),
        Long(-(2**63)),
        Date(2**62),
        list(range(300)),
        [[number] for number in range(300)],
        [TypedList("[int", [number]) for number in range(20)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_java_reads_edges(oracle: Oracle, value: Any) -> None:
    assert oracle.ask(write_value(value))[0] == in_words(value)


def test_java_takes_an_int_of_more_than_32_bits_for_a_long(oracle: Oracle) -> None:
    assert oracle.ask(write_value(2**31))[0] == in_words(Long(2**31))


def test_java_reads_more_than_16_class_definitions(oracle: Oracle) -> None:
    names = ["text", "data", "moment", "any", "items", "tags", "next"]
    nodes = [Instance("Oracle$Node", dict.fromkeys(pair)) for pair in combinations(names, 2)]
    assert len(nodes) == 21
    words, _ = oracle.ask(write_value([*nodes, *nodes]))
    assert words.count("(Oracle$Node:") == len(nodes)
    assert words.endswith("".join(f",@{number}" for number in range(1, 22)) + "]")


def test_java_reads_an_exception_as_that_exception(oracle: Oracle) -> None:
    error = Instance("java.lang.IllegalStateException", {"detailMessage": "no such route"})
    error.fields |= {"cause": error, "stackTrace": TypedList("[java.lang.StackTraceElement")}
    words, written = oracle.ask(write_value(error))
    assert words == in_words(Instance(error.class_name, {"detailMessage": "no such route"}))
    assert read_value(written, 0, Limits())[0].fields["detailMessage"] == "no such route"


def test_java_reads_an_object_of_a_class_that_it_does_not_have_as_a_map(oracle: Oracle) -> None:
    shared: list[Any] = []
    words, _ = oracle.ask(write_value([Instance("org.example.Gone", {"a": shared}), shared]))
    assert words == in_words([Map({"a": shared}), shared])
