"""Hypothesis strategies for hessian2 bodies and mutations: every shape of value, at random, in bytes."""

from attrs import Factory, define
from dubbo_bytes import request, response, string
from hypothesis import strategies as st

from metaprotocol_sdk import Mutation

# Surrogates too, but no two that are read as one character.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=6).filter(
    lambda text: text == text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
)
# Few enough that they meet: keys that are there already, twice, and those that decide where a request goes.
KEYS = st.sampled_from(["a", "b", "c", "path", "version", "group", "\U0001f600"]) | TEXTS
SCALARS = st.sampled_from(
    [b"N", b"T", b"F", b"\x91", b"\xc8\x20", b"I\x00\x00\x00\x07", b"\xe1", b"\x5b", b"\x21\xff", b"L\xff" + bytes(7)]
)


@define
class Numbered:
    """The objects that the values so far have numbered."""

    field_counts: list[int] = Factory(list)
    types: int = 0
    references: int = 0


def _int(value: int) -> bytes:
    return bytes((0x90 + value,)) if value < 48 else bytes((0xC8 + (value >> 8), value & 0xFF))


@st.composite
def _strings(draw: st.DrawFn) -> bytes:
    text = draw(TEXTS)
    if draw(st.integers(0, 9)) < 8:
        return string(text)
    # the same in two chunks, the first one perhaps empty
    units = text.encode("utf-16-be", "surrogatepass")
    cut = 2 * draw(st.integers(0, len(units) // 2))
    head = string(units[:cut].decode("utf-16-be", "surrogatepass"))
    return b"R\x00" + head[:1] + head[1:] + string(units[cut:].decode("utf-16-be", "surrogatepass"))


def _type(draw: st.DrawFn, numbered: Numbered) -> bytes:
    if numbered.types and draw(st.booleans()):
        return _int(draw(st.integers(0, numbered.types - 1)))
    numbered.types += 1
    return string(draw(st.sampled_from(["java.util.HashMap", "[int", "org.demo.Map"])))


def _value(draw: st.DrawFn, numbered: Numbered, depth: int, *, strings: bool = True) -> bytes:
    kinds = ["scalar", "string"] if strings else ["scalar"]
    if numbered.references:
        kinds.append("reference")
    if depth:
        kinds += ["list", "map", "object"]
    kind = draw(st.sampled_from(kinds))
    if kind == "scalar":
        return draw(SCALARS)
    if kind == "string":
        return draw(_strings())
    if kind == "reference":
        return b"Q" + _int(draw(st.integers(0, numbered.references - 1)))
    if kind == "map":
        return _map(draw, numbered, depth)
    if kind == "object":
        return _object(draw, numbered, depth)
    return _list(draw, numbered, depth)


def _list(draw: st.DrawFn, numbered: Numbered, depth: int) -> bytes:
    numbered.references += 1
    size = draw(st.integers(0, 3))
    typed = _type(draw, numbered) if draw(st.booleans()) else None
    form = draw(st.sampled_from(["short", "fixed", "open"]))
    if form == "short":
        head, end = bytes((0x78 + size,)) if typed is None else bytes((0x70 + size,)) + typed, b""
    elif form == "fixed":
        head, end = (b"X" if typed is None else b"V" + typed) + _int(size), b""
    else:
        head, end = b"W" if typed is None else b"U" + typed, b"Z"
    return head + b"".join(_value(draw, numbered, depth - 1) for _ in range(size)) + end


def _map(draw: st.DrawFn, numbered: Numbered, depth: int, attachments: int | None = None) -> bytes:
    numbered.references += 1
    head = b"M" + _type(draw, numbered) if draw(st.integers(0, 3)) == 0 else b"H"
    entries = []
    for _ in range(draw(st.integers(0, 3)) if attachments is None else attachments):
        key_kind, value_kind = draw(st.integers(0, 9)), draw(st.integers(0, 9))
        key = _value(draw, numbered, 1, strings=False) if key_kind > 7 else string(draw(KEYS))
        if key_kind == 0:
            key = _definition(draw, numbered) + key
        value = _value(draw, numbered, depth - 1, strings=False) if value_kind > 4 else draw(_strings())
        if value_kind == 0:
            value = _definition(draw, numbered) + value
        entries.append(key + value)
    return head + b"".join(entries) + b"Z"


def _definition(draw: st.DrawFn, numbered: Numbered) -> bytes:
    fields = draw(st.integers(0, 2))
    names = (f"Class{len(numbered.field_counts)}", *(f"field{number}" for number in range(fields)))
    numbered.field_counts.append(fields)
    return b"C" + string(names[0]) + _int(fields) + b"".join(map(string, names[1:]))


def _object(draw: st.DrawFn, numbered: Numbered, depth: int) -> bytes:
    definition = b""
    if not numbered.field_counts or draw(st.booleans()):
        definition = _definition(draw, numbered)
    numbered.references += 1
    number = draw(st.integers(0, len(numbered.field_counts) - 1))
    head = bytes((0x60 + number,)) if number < 16 and draw(st.booleans()) else b"O" + _int(number)
    values = (_value(draw, numbered, depth - 1) for _ in range(numbered.field_counts[number]))
    return definition + head + b"".join(values)


def _attachments(draw: st.DrawFn, numbered: Numbered, maps: list[int]) -> bytes:
    kind = draw(st.sampled_from(["map", "map", "map", "null", *(["reference"] if maps else [])]))
    if kind == "null":
        return b"N"
    if kind == "reference":
        return b"Q" + _int(draw(st.sampled_from(maps)))
    return _map(draw, numbered, 3, draw(st.integers(0, 5)))


def _argument(draw: st.DrawFn, numbered: Numbered, maps: list[int]) -> bytes:
    if draw(st.booleans()):
        maps.append(numbered.references)
        return _map(draw, numbered, 3)
    return _value(draw, numbered, 3)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Generate a request with up to three arguments, and attachments of any shape."""
    numbered, maps = Numbered(), []
    arguments = [_argument(draw, numbered, maps) for _ in range(draw(st.integers(0, 3)))]
    return request(
        flags=draw(st.sampled_from([0xC2, 0x82])),
        version=draw(st.sampled_from([None, "1.0"])),
        types="I" * len(arguments),
        arguments=b"".join(arguments),
        attachments=_attachments(draw, numbered, maps),
        trailing=draw(st.sampled_from([b"", b"\x00\xff"])),
    )


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Generate a response of any kind, with attachments of any shape if its kind has them."""
    numbered, maps = Numbered(), []
    kind = draw(st.integers(0, 5))
    value = b"" if kind in (2, 5) else _argument(draw, numbered, maps)
    attachments = _attachments(draw, numbered, maps) if kind > 2 else b""
    return response(_int(kind) + value + attachments + draw(st.sampled_from([b"", b"\x00\xff"])))


MESSAGES = requests() | responses()
MUTATIONS = st.dictionaries(KEYS, st.none() | TEXTS, max_size=4).map(Mutation)
