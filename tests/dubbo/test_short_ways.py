"""The short ways through plain messages lead where the long ways lead.

The codec reads and changes plain attachments, and skips runs of simple values, without the general code. Nobody can
tell by the result.
"""

import pytest
from attrs import evolve
from dubbo_bytes import request, response, string
from dubbo_generated import MESSAGES, MUTATIONS
from dubbo_messages import CLIENT, CODEC, hx, read, sound
from hypothesis import example, given
from hypothesis import strategies as st

from examples import examples
from metaprotocol_codecs.dubbo.attachments import AttachmentsSpan, read_ascii_map, read_map
from metaprotocol_codecs.dubbo.request import LONGEST_ASCII, read_ascii_request, read_request
from metaprotocol_codecs.dubbo.strategies import hessian2_values
from metaprotocol_codecs.hessian2 import ReferenceTables, skip, skip_simple_values, skip_values
from metaprotocol_sdk import DecodeError, LimitExceeded, Limits, Metadata, Mutation, UnsupportedMutation

LIMITS = Limits()


def long_form(text: str) -> bytes:
    """Return a string whose length takes two bytes, as a careless writer may write a short one."""
    return bytes((0x30 + (len(text) >> 8), len(text) & 0xFF)) + text.encode("ascii")


TEXTS = st.sampled_from(["", "a", "b", "Z", "H", "group", "version", "x" * 31, "x" * 32, "y" * 300]) | st.text(
    st.characters(max_codepoint=127), max_size=5
)
STRINGS = TEXTS.map(string) | TEXTS.map(long_form)
PLAIN_MAPS = st.lists(STRINGS, max_size=12).map(lambda strings: b"H" + b"".join(strings[len(strings) % 2 :]) + b"Z")
PLAIN = st.builds(
    lambda attachments, trailing: request(version=None, attachments=attachments, trailing=trailing),
    PLAIN_MAPS,
    st.sampled_from([b"", b"Z", b"\x00"]),
)


def read_the_long_way(message: bytes) -> tuple[dict[str, str], int]:
    found = read_map(message, AttachmentsSpan(0, 0, 0), LIMITS, ReferenceTables())
    return {key: value for *_, key, value in found.entries}, found.end


@given(PLAIN_MAPS, st.sampled_from([b"", b"Z", b"trailing"]))
def test_a_plain_map_is_read_as_any_map(data, trailing):
    attachments = {}
    end = read_ascii_map(data + trailing, 0, LIMITS, attachments)
    assert (attachments, end) == read_the_long_way(data + trailing)


@given(PLAIN_MAPS, st.integers(0, 10**6), st.integers(0, 255))
def test_a_damaged_map_is_not_plain_or_is_read_as_any_map(data, place, byte):
    at = place % len(data)
    damaged = data[:at] + bytes((byte,)) + data[at + 1 :]
    attachments = {}
    end = read_ascii_map(damaged, 0, LIMITS, attachments)
    assert end == 0 or (attachments, end) == read_the_long_way(damaged)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing"),
        (b"H", "no end"),
        (b"N", "null"),
        (hx("48 01 61 02 c3a9 5a"), "beyond ASCII"),
        (hx("48 01 61 4e 5a"), "a value that is not a string"),
        (hx("48 4e 01 61 5a"), "a key that is not a string"),
        (hx("48 01 61 52 0001 62 00 5a"), "a string in chunks"),
        (hx("4d 01 74 01 61 01 62 5a"), "a type"),
        (hx("48 01 61 5a"), "a key without a value"),
    ],
)
def test_what_is_not_plain_is_left_to_the_long_way(data, why):
    assert read_ascii_map(data, 0, LIMITS, {}) == 0


@pytest.mark.parametrize(("limit", "enough"), [("max_elements", 2), ("max_key_length", 100), ("max_value_length", 100)])
def test_a_map_that_a_limit_may_refuse_is_left_to_the_long_way(limit, enough):
    data = b"H" + (string("key") + string("value")) * 2 + b"Z"
    assert read_ascii_map(data, 0, Limits(**{limit: enough}), {}) == len(data)
    assert read_ascii_map(data, 0, Limits(**{limit: 1}), {}) == 0


def test_a_map_longer_than_any_of_its_strings_may_be_is_still_read_in_one_pass():
    data = b"H" + b"".join(string(f"key {number}") + string("v" * 100) for number in range(100)) + b"Z"
    limits = Limits(max_key_length=1023, max_value_length=1023)
    assert read_ascii_map(data, 0, limits, {}) == len(data)


def encoded(metadata: Metadata, mutation: Mutation) -> bytes | None:
    if not metadata.message[2] & 0x80:
        metadata.request = CLIENT
    try:
        return CODEC.encode(metadata, mutation)
    except UnsupportedMutation:
        return None


@given(PLAIN | MESSAGES, MUTATIONS | st.dictionaries(TEXTS, st.none() | TEXTS, max_size=9).map(Mutation))
@examples(3)
@example(request(attachments=hx("48 30 01 61 01 62 5a")), Mutation({"a": "b"}))
@example(request(attachments=hx("48 01 61 01 61 01 61 01 62 5a")), Mutation({"a": None}))
@example(response(hx("94 91") + hx("48 01 61 01 62 5a")), Mutation({"a": None, "b": "c"}))
def test_a_mutation_of_plain_attachments_gives_the_bytes_of_the_long_way(message, mutation):
    metadata = sound(message)
    long_way = metadata.clone()
    long_way.state = evolve(metadata.state, ascii_end=0)
    assert encoded(metadata, mutation) == encoded(long_way, mutation)


def test_plain_attachments_are_known_as_such():
    message = request(attachments={"a": "b"}, trailing=b"rest")
    assert read(message).state.ascii_end == len(message) - 4


PATHS = st.sampled_from([None, "org.demo.Greeter", "x" * 40, "é", "$invoke", "a" * 5000])
TYPES = st.sampled_from(
    [None, "", "I", "Ljava/lang/String;", "[Ljava/lang/String;J", "L;", "Lé;", "nonsense", "L" * 50]
)
REQUESTS = st.builds(
    lambda path, method, types, arguments, attachments: request(
        path=path, method=method, types=types, arguments=arguments, attachments=attachments
    ),
    PATHS,
    PATHS,
    TYPES,
    st.sampled_from([b"", b"\x91", string("a"), string("a") + b"\x91", string("世"), b"\x79\x91", b"\x40"]),
    PLAIN_MAPS
    | st.dictionaries(
        st.sampled_from(["path", "method", "generic_method", "body_path", "dubbo", "version", "group"]), TEXTS
    ),
)


@pytest.mark.parametrize("keys", [1024, 4096, 8192, 65536])
def test_a_request_is_read_in_one_pass_whatever_the_number_of_its_attachments(keys):
    message = request(attachments={f"key-{number}": "value" for number in range(keys)})
    properties, span, _ = read_request(message, 16, LIMITS)
    assert span.ascii_end == len(message)
    assert len(properties) == keys + 5


def comparable(properties: dict[str, str], span: AttachmentsSpan, incomplete: str) -> tuple:
    return properties, list(properties)[:5], evolve(span, ascii_end=0), incomplete


def short_way(message: bytes) -> tuple | None:
    """Return what the short way reads of a request; None if it leaves it to the long way."""
    found = read_ascii_request(message, 16, LONGEST_ASCII)
    return None if found is None else comparable(*found)


def long_way(message: bytes) -> tuple | str:
    """Return what the long way reads of a request, or why it reads nothing."""
    try:
        return comparable(*read_request(message, 16, LIMITS))
    except (DecodeError, LimitExceeded) as error:
        return str(error)


@given(REQUESTS | PLAIN | MESSAGES.filter(lambda message: message[2] & 0x80))
@examples(5)
def test_a_plain_request_is_read_as_any_request(message):
    assert short_way(message) in (None, long_way(message))


@given(REQUESTS | PLAIN, st.integers(0, 10**6), st.integers(0, 255))
@examples(5)
def test_a_damaged_request_is_not_plain_or_is_read_as_any_request(message, place, byte):
    at = 16 + place % (len(message) - 16)
    damaged = message[:at] + bytes((byte,)) + message[at + 1 :]
    for body in (damaged, damaged[:at]):
        assert short_way(body) in (None, long_way(body))


def test_a_character_of_two_bytes_moves_no_end():
    # Counted in bytes, the value would end before its last character, which ends a map.
    message = request(attachments={"a": "éZ"}, trailing=b"Z")
    assert short_way(message) is None
    assert read(message).properties["a"] == "éZ"


def test_the_usual_request_is_plain():
    for types, arguments in [("", b""), ("Ljava/lang/String;", string("a")), ("Ljava/util/List;I", b"\x79\x91\x92")]:
        message = request(types=types, arguments=arguments, attachments={"path": "p", "group": "g"})
        assert short_way(message) == long_way(message)


def ends_one_by_one(data: bytes, count: int) -> list[int]:
    tables, position, ends = ReferenceTables(), 0, []
    for _ in range(count):
        position = skip_values(data, position, 1, tables)
        ends.append(position)
    return ends


@given(hessian2_values())
def test_a_run_of_values_ends_where_the_last_of_them_ends_or_is_not_simple(values):
    if 0 < values.count <= skip.LONGEST_RUN:
        end = skip_simple_values(values.data, 0, values.count)
        assert end in (-1, ends_one_by_one(values.data, values.count)[-1])


@given(st.binary(max_size=80), st.integers(1, 4))
def test_any_bytes_are_no_run_or_end_where_the_last_value_ends(data, count):
    end = skip_simple_values(data, 0, count)
    if end >= 0:
        assert end == ends_one_by_one(data, count)[-1]


SIMPLE = [
    *(bytes((tag,)) for tag in (*b"NTF\x5b\x5c", 0x00, 0x80, 0xBF, 0xD8, 0xEF)),
    *(bytes((tag,)) + b"\xff" for tag in (0xC0, 0xCF, 0xF0, 0xFF, 0x5D)),
    *(bytes((tag,)) + b"\xff\n" for tag in (0xD0, 0xD7, 0x38, 0x3F, 0x5E)),
    *(bytes((tag,)) + b"\xff\n\0Z" for tag in b"IY\x5f\x4b"),
    *(bytes((tag,)) + b"\xff\n\0Z\xff\n\0Z" for tag in b"LDJ"),
    *(bytes((size,)) + b"\n\x7f" * (size // 2) + b"~" * (size % 2) for size in range(1, 32)),
    *(bytes((0x30, size)) + b"\n" * size for size in range(32, 64)),
    *(bytes((0x20 + size,)) + b"\xff" * size for size in range(16)),
]


def test_a_run_of_all_simple_values_is_skipped_at_once():
    for value in SIMPLE:
        assert skip_simple_values(value * 3 + b"rest", 0, 3) == len(value) * 3
    for values in (SIMPLE[:64], SIMPLE[-64:]):
        assert skip_simple_values(b"".join(values), 0, 64) == len(b"".join(values))


def test_no_values_are_a_run_and_too_many_are_none():
    assert skip_simple_values(b"N", 1, 0) == 1
    assert skip_simple_values(b"N" * 65, 0, 65) == -1


def test_objects_of_a_class_are_skipped_whether_their_fields_are_simple_or_not():
    definition = b"C" + string("A") + hx("92") + string("one") + string("two")
    simple, other = b"\x60" + string("a") + hx("91"), b"\x60" + string("世") + hx("79 91")
    for objects in ([simple] * 3, [other] * 3, [simple, other, simple], [other, simple, simple]):
        data = definition + b"".join(objects)
        assert skip_values(data, 0, 3, ReferenceTables()) == len(data)
        with pytest.raises(DecodeError):
            skip_values(data[:-1], 0, 3, ReferenceTables())


@pytest.mark.parametrize("length", [15, 16, 17, 33])
@pytest.mark.parametrize("odd", ["世", "x" * 64])
def test_lists_are_skipped_whether_their_elements_are_simple_or_not(length, odd):
    head = b"X" + (bytes((0x90 + length,)))
    for place in (None, 0, length // 2, length - 1):
        elements = [string("a")] * length
        if place is not None:
            elements[place] = string(odd)
        data = head + b"".join(elements)
        assert skip_values(data, 0, 1, ReferenceTables()) == len(data)
        with pytest.raises(DecodeError):
            skip_values(data[:-1], 0, 1, ReferenceTables())


def test_what_is_kept_of_counts_from_the_wire_is_bounded():
    for count in (*range(200), 1 << 20):
        fields = b"C" + string("A") + b"I" + count.to_bytes(4)
        skip_values(b"X" + b"I" + count.to_bytes(4) + b"N" * count, 0, 1, ReferenceTables())
        if count < 200:
            skip_values(fields + b"\0" * count + b"\x60" + b"N" * count, 0, 1, ReferenceTables())
    kept = [skip.simple_values.cache_info().currsize, skip.short_strings.cache_info().currsize]
    assert max(kept) <= skip.LONGEST_RUN + 1
