"""Properties become headers and come back, one to one, whatever a client puts into them."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaprotocol_envoy import headers
from metaprotocol_envoy.changes import HeaderRules, difference
from metaprotocol_envoy.headers import (
    escape_value,
    header_name,
    is_reserved,
    operation_of,
    path_of,
    property_name,
    to_headers,
    unescape_value,
)

# All text, lone surrogates included: they stand for bytes that are not UTF-8.
ANY = st.text(st.characters(exclude_categories=()))
HARD = st.text(st.sampled_from("aA%~/.\\ \t\x00\x7fé\udcff:;?#-_2F")) | ANY
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


@given(HARD)
def test_a_name_becomes_a_token_and_comes_back_in_lower_case(name: str) -> None:
    header = header_name(name)
    assert HEADER.fullmatch(header)
    assert property_name(header) == name.lower()


@given(HARD, HARD)
def test_two_names_that_differ_in_more_than_case_have_two_headers(one: str, other: str) -> None:
    assert (header_name(one) == header_name(other)) == (one.lower() == other.lower())


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("user", "user"),
        ("User-Id", "user-id"),
        ("größe", "gr%c3%b6%c3%9fe"),
        ("a%2fb", "a%252fb"),
        ("", "%"),
        (":path", "%3apath"),
        ("Host", "x-property-host"),
        ("content-type", "x-property-content-type"),
        ("x-request-id", "x-property-x-request-id"),
        ("X-Envoy-Retry-On", "x-property-x-envoy-retry-on"),
        ("x-metaprotocol-token", "x-property-x-metaprotocol-token"),
        ("x-property-host", "x-property-x-property-host"),
        ("traceparent", "traceparent"),
    ],
)
def test_no_property_passes_for_a_header_of_envoy(name: str, header: str) -> None:
    assert header_name(name) == header


@given(HARD)
def test_a_property_never_sets_a_reserved_header(name: str) -> None:
    header = header_name(name)
    assert not is_reserved(header) or header.startswith("x-property-")


@pytest.mark.parametrize("header", [":path", "x-envoy-attempt-count", "x-property-user", "%zz", "%41", "%c3", "%2F"])
def test_a_header_that_no_property_is_written_as_is_no_property(header: str) -> None:
    assert property_name(header) is None


@given(HARD)
def test_a_value_is_a_valid_header_value_and_comes_back(value: str) -> None:
    text = escape_value(value)
    raw = text.encode("utf-8")
    assert not any(byte < 0x20 or byte == 0x7F for byte in raw)
    assert text == text.strip(" ")
    assert unescape_value(raw) == value


@given(HARD, HARD)
def test_two_values_never_look_the_same(one: str, other: str) -> None:
    assert (escape_value(one) == escape_value(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (" a ", "%20a%20"),
        ("100%", "100%25"),
        ("a\r\nb", "a%0D%0Ab"),
        ("Zoë", "Zoë"),
        ("\udcff", "%ED%B3%BF"),
    ],
)
def test_values_keep_what_rules_compare_with(value: str, text: str) -> None:
    assert escape_value(value) == text


def normalize(path: str) -> str:
    """Istio's DECODE_AND_MERGE_SLASHES: escaped slashes, RFC 3986's normalization, merged slashes; twice to be sure."""
    for _ in range(2):
        path = re.sub("%2f|%5c", "/", path, flags=re.IGNORECASE).replace("\\", "/")
        path = path.split("#")[0].split("?")[0]
        path = unquote(path)
        segments: list[str] = []
        for segment in path.split("/")[1:]:
            if segment == "..":
                segments = segments[:-1]
            elif segment != ".":
                segments.append(segment)
        path = re.sub("/+", "/", "/" + "/".join(segments))
    return path


@given(HARD)
def test_no_normalization_changes_a_path(operation: str) -> None:
    path = path_of(operation)
    assert path.isascii()
    assert normalize(path) == path


@given(HARD)
def test_a_path_comes_back_as_its_operation(operation: str) -> None:
    assert operation_of(path_of(operation)) == operation


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("Greeter/7", "/Greeter/7"),
        ("com.foo.Bar/$invoke", "/com.foo.Bar/$invoke"),
        ("a/../admin", "/a/~2E~2E/admin"),
        ("a//b", "/a/~/b"),
        ("", "/~"),
        ("/", "/~/~"),
        ("a%2fb", "/a~252fb"),
        ("a?b#c;d", "/a~3Fb~23c~3Bd"),
        ("~", "/~7E"),
        ("größe", "/gr~C3~B6~C3~9Fe"),
        ("..a/.b", "/..a/.b"),
    ],
)
def test_segments_are_escaped_so_that_a_policy_sees_the_servers_operation(operation: str, path: str) -> None:
    assert path_of(operation) == path


@pytest.mark.parametrize("path", ["", "a", "/a/../b", "//", "/~2e", "/~41", "/é", "/~FF"])
def test_a_path_that_no_operation_is_written_as_is_none(path: str) -> None:
    assert operation_of(path) is None


@given(st.dictionaries(HARD, HARD, max_size=6))
def test_headers_are_the_same_when_the_names_were_seen_before(properties: dict[str, str]) -> None:
    first, second = to_headers(properties), to_headers(dict(properties))
    assert (second.flat, second.names, second.size) == (first.flat, first.names, first.size)
    assert first.flat == tuple(
        part for name, of in first.names.items() for part in (name, escape_value(properties[of]))
    )
    assert first.size == sum(32 * (at % 2) + len(part.encode()) for at, part in enumerate(first.flat))


def test_a_line_feed_in_a_value_does_not_end_it() -> None:
    assert to_headers({"a": "one\ntwo", "b": "three"}).flat == ("a", "one%0Atwo", "b", "three")
    assert to_headers({"a": "\n"}).flat == ("a", "%0A")


def test_the_memory_of_names_is_bounded() -> None:
    for number in range(1_000):
        to_headers({f"name-{number}": "", "x" * number: ""})
    assert len(headers._known_names) <= 256
    assert sum(len(name) for key in headers._known_names for name in key) <= 256 * 2048


def test_names_that_differ_only_in_case_are_told() -> None:
    assert to_headers({"user": "a", "User": "b"}).collision == "'user' and 'User'"
    assert to_headers({"user": "a", "group": "b"}).collision == ""
    assert to_headers({"K": "kelvin", "k": "letter"}).collision


@given(st.dictionaries(HARD, HARD, max_size=6))
def test_headers_that_nothing_changed_are_no_mutation(properties: dict[str, str]) -> None:
    fields = to_headers(properties)
    if fields.collision:
        return
    after = [(n.encode(), v.encode()) for n, v in zip(fields.flat[::2], fields.flat[1::2], strict=True)]
    assert dict(zip(fields.names.values(), map(unescape_value, (v for _, v in after)), strict=True)) == properties
    assert difference(HeaderRules.of(), fields.flat, fields.names, reversed(after)) == {}


def mutation(before: dict[str, str], after: list[tuple[str, str]], **options: bool) -> dict[str, str | None]:
    fields = to_headers(before)
    pairs = [(name.encode(), value.encode()) for name, value in after]
    return difference(HeaderRules.of(**options), fields.flat, fields.names, pairs)


def test_a_changed_header_changes_its_property_in_the_case_that_it_had() -> None:
    assert mutation({"User": "a"}, [("user", "b")]) == {"User": "b"}


def test_a_missing_header_removes_its_property_and_a_new_one_sets_one() -> None:
    assert mutation({"user": "a", "x": "1"}, [("x", "1"), ("tag", "100%25")]) == {"user": None, "tag": "100%"}


def test_a_removed_property_of_a_reserved_name_counts_and_envoys_own_header_of_that_name_does_not() -> None:
    assert mutation({"host": "evil"}, [("host", "mesh")]) == {"host": None}
    assert (
        mutation({}, [("x-envoy-attempt-count", "1"), ("x-request-id", "7"), (":path", "/"), ("te", "trailers")]) == {}
    )


def test_tracing_headers_count_only_if_the_codec_can_write_them() -> None:
    tracing = [("traceparent", "00-1"), ("x-b3-traceid", "1"), ("tracestate", "")]
    assert mutation({}, tracing) == {"traceparent": "00-1", "x-b3-traceid": "1"}
    assert mutation({}, tracing, mutable=False) == {}


def test_values_of_one_name_are_joined_as_http_has_it() -> None:
    assert mutation({"user": "a"}, [("user", "a"), ("user", "b")]) == {"user": "a,b"}
