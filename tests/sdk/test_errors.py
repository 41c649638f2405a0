"""The errors: their tree, what they carry, what they say."""

import copy
import pickle
import re

import pytest

import metaprotocol_sdk
from metaprotocol_sdk import (
    CodecConflict,
    CodecLoadError,
    CodecNotFound,
    DecodeError,
    EncodeError,
    FramingError,
    IncompleteMessage,
    LimitExceeded,
    MetaProtocolError,
    ProtocolError,
    RegistryError,
    UnsupportedMutation,
    _errors,
)

EXPORTED = {
    value
    for name in metaprotocol_sdk.__all__
    if isinstance(value := getattr(metaprotocol_sdk, name), type) and issubclass(value, BaseException)
}

EXAMPLES = [
    MetaProtocolError("plain"),
    ProtocolError("bad", offset=3, field="id", hint="look"),
    FramingError("bad magic", offset=0, field="magic"),
    DecodeError("bad body"),
    LimitExceeded("max_depth", 65, 64, offset=9, field="body"),
    IncompleteMessage("ended", offset=12),
    EncodeError("no room"),
    UnsupportedMutation("no headers"),
    RegistryError("lost"),
    CodecNotFound("dubo", ["awesomerpc", "dubbo"], ["dubbo"]),
    CodecConflict("two of them"),
    CodecLoadError("broken"),
]


def tree_of_docstring() -> dict[str, str]:
    """Read the nested list in the module's docstring: each class with the one above it."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for indent, name in re.findall(r"^( *)\* `(\w+)`", _errors.__doc__, re.MULTILINE):
        while above and above[-1][0] >= len(indent):
            above.pop()
        parents[name] = above[-1][1] if above else "Exception"
        above.append((len(indent), name))
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert tree_of_docstring() == {cls.__name__: cls.__base__.__name__ for cls in EXPORTED}


def test_there_is_an_example_of_every_error_below() -> None:
    assert {type(error) for error in EXAMPLES} == EXPORTED


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickling_and_copying(error: MetaProtocolError, again: object) -> None:
    twin = again(error)
    assert type(twin) is type(error)
    assert (str(twin), vars(twin)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "bad"),
        ({"offset": 0}, "bad (offset 0)"),
        ({"offset": 3, "field": "id"}, "bad (offset 3, field id)"),
        ({"field": "id"}, "bad (field id)"),
        ({"hint": "look there"}, "bad; look there"),
        ({"offset": 3, "field": "id", "hint": "look there"}, "bad (offset 3, field id); look there"),
    ],
)
def test_a_protocol_error_says_what_and_where_and_what_to_try(more: dict[str, object], text: str) -> None:
    error = ProtocolError("bad", **more)
    assert str(error) == text
    assert repr(error) == f"ProtocolError({text!r})"
    assert error.message == "bad"


def test_a_moved_offset_is_said() -> None:
    """The decoder adds what came before the message."""
    error = FramingError("bad", offset=3)
    error.offset = 103
    assert str(error) == "bad (offset 103)"


def test_a_passed_limit_says_what_was_asked_for_and_what_is_allowed() -> None:
    error = LimitExceeded("max_message_size", 20_000_000, 16_777_216, offset=8, field="length")
    assert str(error) == "20,000,000 is over the limit max_message_size of 16,777,216 (offset 8, field length)"
    assert (error.limit, error.value, error.maximum) == ("max_message_size", 20_000_000, 16_777_216)


@pytest.mark.parametrize(
    ("known", "close", "text"),
    [
        (["awesomerpc", "dubbo"], ["dubbo"], "; did you mean 'dubbo'?"),
        (["dubbo", "dubbo2"], ["dubbo", "dubbo2"], "; did you mean 'dubbo' or 'dubbo2'?"),
        (["awesomerpc", "dubbo"], [], "; there are 'awesomerpc', 'dubbo'"),
        ([], [], "; no codec is installed"),
    ],
)
def test_a_codec_that_is_not_found_is_told_with_the_nearest(known: list[str], close: list[str], text: str) -> None:
    error = CodecNotFound("dubo", known, close)
    assert str(error) == f"there is no codec named 'dubo'{text}"
    assert (error.name, error.known, error.close) == ("dubo", tuple(known), tuple(close))


def test_every_error_can_be_caught_as_one() -> None:
    assert all(issubclass(cls, MetaProtocolError) for cls in EXPORTED)
