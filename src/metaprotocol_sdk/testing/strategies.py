"""Hypothesis strategies for messages, streams and what goes wrong with them.

They are what the kit itself draws from. All of them shrink to something boring: a short message, no cut, no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from metaprotocol_sdk import Direction, ErrorType, Framing, Layout, LengthField, Mutation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from metaprotocol_sdk import Codec

    Message = tuple[Direction, bytes]

_SIGNED = frozenset("bhiq")


def from_layout(layout: Layout, framing: Framing | None = None, *, max_body: int = 40) -> st.SearchStrategy[bytes]:
    """Generate messages with a header that its declaration allows, and any bytes behind it.

    Fields with names for their values mostly have one of these. The length field of a `LengthField` tells the length.

    Args:
        layout: The header.
        framing: The codec's framing; of others than `LengthField` the length is left to chance.
        max_body: Bytes behind the header at most.
    """
    fields = {field.name: _values(field.code, field.size, field.names) for field in layout.variables}
    bodies = st.binary(max_size=max_body)
    return st.builds(lambda values, body: _fit(layout, framing, values, body), st.fixed_dictionaries(fields), bodies)


def from_codec(
    make: Callable[[], Codec],
    *,
    vectors: Iterable[Sequence[Message]] = (),
    messages: st.SearchStrategy[Message] | None = None,
) -> st.SearchStrategy[Message]:
    """Generate messages that a codec frames: its examples, others that are given, and what its layout allows.

    Some of them have bytes changed, and need not decode.

    Args:
        make: Returns a new codec: its class, or a function without arguments.
        vectors: Recorded connections, each a sequence of messages.
        messages: Generates valid messages, or None.

    Raises:
        ValueError: There are neither examples nor a layout, nor are messages given.
    """
    from metaprotocol_sdk.testing._cases.messages import any_message
    from metaprotocol_sdk.testing._subject import Subject

    cases = any_message(Subject(make, vectors=vectors, messages=messages))
    if cases is None:
        raise ValueError("the codec has neither examples nor a layout, and no messages are given")
    return cases.map(lambda case: (case.direction, case.data))


def streams(messages: st.SearchStrategy[Message], *, most: int = 4) -> st.SearchStrategy[Message]:
    """Generate streams: a direction, and the bytes of some messages that go that way, one behind the other.

    Args:
        messages: Generates messages, of either direction.
        most: How many messages at most; at least one.
    """

    def joined(drawn: list[Message]) -> Message:
        direction = drawn[0][0]
        return direction, b"".join(data for way, data in drawn if way is direction)

    return st.lists(messages, min_size=1, max_size=most).map(joined)


def cut_points(data: bytes, *, most: int = 8) -> st.SearchStrategy[tuple[int, ...]]:
    """Generate places where a stream is cut into pieces, in ascending order.

    Args:
        data: The stream.
        most: How many places at most.
    """
    return st.lists(st.integers(0, len(data)), max_size=most).map(lambda points: tuple(sorted(points)))


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Generate a stream with some bytes overwritten, inserted, dropped or cut off.

    Args:
        data: The stream.
    """
    return st.builds(
        lambda at, dropped, inserted, cut_off: data[:at] + inserted + (b"" if cut_off else data[at + dropped :]),
        st.integers(0, len(data)),
        st.integers(0, 4),
        st.binary(max_size=8),
        st.booleans(),
    )


def texts(*, max_size: int = 20) -> st.SearchStrategy[str]:
    """Generate texts of any characters, lone surrogates among them."""
    return st.text(st.characters(exclude_categories=()), max_size=max_size)


def mutations(properties: Mapping[str, str] | Iterable[str] = ()) -> st.SearchStrategy[Mutation]:
    """Generate changes: of the properties that are there, and of others.

    Args:
        properties: The properties of a message, or their names.
    """
    known = list(properties)
    keys = texts(max_size=8) | st.sampled_from(["a", "x-kit", "path", "method", "service"])
    if known:
        keys = st.sampled_from(known) | keys
    return st.dictionaries(keys, st.none() | texts(), max_size=3).map(Mutation)


def error_types() -> st.SearchStrategy[ErrorType]:
    """Generate every reason why a proxy answers itself."""
    return st.sampled_from(list(ErrorType))


def directions() -> st.SearchStrategy[Direction]:
    """Generate both directions."""
    return st.sampled_from(list(Direction))


def _values(code: str, size: int, names: Mapping[int, str]) -> st.SearchStrategy[int | bytes]:
    if code == "s":
        return st.binary(min_size=size, max_size=size)
    signed = code in _SIGNED
    bits = 8 * size - signed
    numbers = st.integers(-(1 << bits) if signed else 0, (1 << bits) - 1)
    return st.sampled_from(sorted(names)) | numbers if names else numbers


def _fit(layout: Layout, framing: Framing | None, values: dict[str, int | bytes], body: bytes) -> bytes:
    if isinstance(framing, LengthField):
        total = layout.size + len(body)
        value = total - framing.offset - framing.length - framing.adjustment
        for field in layout.variables:
            if field.offset == framing.offset and field.is_integer and value >= 0:
                values = values | {field.name: value}
    return layout.build(values) + body
