"""Hessian2 values of every shape, and what it means that two of them are the same."""

import struct
from typing import Any

from hypothesis import strategies as st

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList
from metaprotocol_sdk import Limits

# Nothing that fits in memory passes these.
UNBOUNDED = Limits(
    max_message_size=2**40,
    max_depth=2**40,
    max_elements=2**40,
    max_references=2**40,
    max_class_definitions=2**40,
    max_value_length=2**40,
)

# Where a shorter form of an int, a long or a double ends.
_INT_EDGES = [edge + step for edge in (-16, 47, -0x800, 0x7FF, -0x40000, 0x3FFFF) for step in (-1, 0, 1)]
_LONG_EDGES = [edge + step for edge in (-8, 15, -0x80000000, 0x7FFFFFFF) for step in (-1, 0, 1)]
_LENGTH_EDGES = [0, 15, 16, 31, 32, 255, 256, 1023, 1024, 8188, 8189, 8190, 0x7FFF, 0x8000, 0x8001, 0x10000, 0x10001]


def _join_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def texts() -> st.SearchStrategy[str]:
    """Return strings, also with surrogates that stand alone, also as long as a chunk."""
    anything = st.text(st.characters(exclude_categories=())).map(_join_surrogates)
    long = st.builds(
        lambda first, unit, count: first + unit * count,
        st.sampled_from(["", "x"]),
        st.sampled_from(["a", "é", "世", "😀"]),
        st.sampled_from(_LENGTH_EDGES),
    )
    return anything | st.sampled_from(["", "a", "é世", "a😀b", "\0", "\ud83d", "\ude00\ud83d"]) | long


def scalars() -> st.SearchStrategy[Any]:
    """Return values that hold no others."""
    ints = st.integers(-(2**31), 2**31 - 1) | st.sampled_from(_INT_EDGES)
    longs = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(_INT_EDGES + _LONG_EDGES)
    thousandths = st.integers(-(2**31), 2**31 - 1).map(lambda number: 0.001 * number)
    whole = st.sampled_from([-0.0, -129.0, -128.0, 127.0, 128.0, -32769.0, -32768.0, 32767.0, 32768.0, 2147483.648])
    moments = st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**31), 2**31 - 1).map(lambda minutes: minutes * 60_000)
    return (
        st.none()
        | st.booleans()
        | ints
        | longs.map(Long)
        | st.floats()
        | thousandths
        | whole
        | texts()
        | st.binary()
        | st.builds(lambda unit, count: unit * count, st.sampled_from([b"\0", b"\xff"]), st.sampled_from(_LENGTH_EDGES))
        | moments.map(Date)
    )


_NAMES = st.sampled_from(["", "a", "b", "org.example.User", "[int", "n" * 40]) | st.text(max_size=3)


@st.composite
def values(draw: st.DrawFn) -> Any:
    """Return values in which containers hold scalars and one another: nested, shared, and inside themselves."""
    empty: Any = st.one_of(
        st.builds(list),
        st.builds(TypedList, _NAMES),
        st.builds(Map, st.builds(list), _NAMES | st.none()),
        st.builds(Instance, _NAMES),
    )
    containers = draw(st.lists(empty, max_size=8))
    if not containers:
        return draw(scalars())
    child = scalars() | st.sampled_from(range(len(containers))).map(containers.__getitem__)
    for container in containers:
        if isinstance(container, list):
            container.extend(draw(st.lists(child, max_size=10)))
        elif isinstance(container, Map):
            container.pairs.extend(draw(st.lists(st.tuples(child, child), max_size=4)))
        else:
            container.fields.update(draw(st.dictionaries(_NAMES, child, max_size=4)))
    return containers[0]


def same(one: Any, other: Any) -> bool:
    """Return whether two values have the same classes, contents and order, and the same containers in common.

    Unlike `==` it is no recursion, tells an int from a long and -0.0 from 0.0, and finds two equal lists different
    from one list that is there twice.
    """
    paired: dict[int, int] = {}
    back: dict[int, int] = {}
    pending = [(one, other)]
    while pending:
        left, right = pending.pop()
        if type(left) is not type(right):
            return False
        if not isinstance(left, list | Map | Instance):
            if isinstance(left, float):
                left, right = struct.pack(">d", left), struct.pack(">d", right)
            if left != right:
                return False
            continue
        if id(left) in paired or id(right) in back:
            if paired.get(id(left)) != id(right) or back.get(id(right)) != id(left):
                return False
            continue
        paired[id(left)], back[id(right)] = id(right), id(left)
        left_parts, right_parts = _parts(left), _parts(right)
        if left_parts[0] != right_parts[0] or len(left_parts[1]) != len(right_parts[1]):
            return False
        pending.extend(zip(left_parts[1], right_parts[1], strict=True))
    return True


def _parts(container: Any) -> tuple[object, list[Any]]:
    """Return what a container is called, and what is in it."""
    if isinstance(container, Map):
        return container.type, [part for pair in container.pairs for part in pair]
    if isinstance(container, Instance):
        return (container.class_name, *container.fields), list(container.fields.values())
    return getattr(container, "type", None), list(container)
