"""A codec class that cannot work fails where it is written, with a sentence that says what is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_protocols import OpaqueCodec

from metaprotocol_sdk import Codec, Direction, LengthField, MessageType, Metadata

FRAMING = LengthField(0, 4)


def decode(self: Codec, message: bytes, direction: Direction) -> Metadata:
    return Metadata(message, MessageType.REQUEST)


WHOLE = {"name": "whole", "framing": FRAMING, "decode": decode}


def define(**body: object) -> type[Codec]:
    return type("MyCodec", (Codec,), body)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in WHOLE.items() if name != key}


def test_a_name_a_framing_and_decode_make_a_codec() -> None:
    codec = define(**WHOLE)()
    assert (codec.name, codec.framing) == ("whole", FRAMING)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("name", 'the codec class MyCodec needs a name, such as name = "my-protocol"'),
        ("framing", "the codec class MyCodec needs a framing, such as framing = LengthField(offset=4, length=4)"),
        ("decode", "the codec class MyCodec needs a decode(self, message, direction) method"),
    ],
)
def test_a_codec_without_one_of_them_fails_with_a_sentence_that_names_it(missing: str, sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        define(**without(missing))
    assert str(caught.value) == sentence


def test_a_codec_without_any_of_them_is_told_all_at_once() -> None:
    with pytest.raises(TypeError, match=r"needs a name, .+; and a framing, .+; and a decode\("):

        class NothingYet(Codec):
            pass


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("AwesomeRPC", id="upper case"),
        pytest.param("awesome_rpc", id="underscore"),
        pytest.param("awesome.rpc", id="dot"),
        pytest.param("awesome rpc", id="space"),
        pytest.param("-rpc", id="hyphen first"),
        pytest.param("rpc-", id="hyphen last"),
        pytest.param("-", id="hyphen alone"),
        pytest.param("rpc\n", id="newline last"),
        pytest.param("größe", id="not ASCII"),
        pytest.param("r" * 47, id="too long for a port's name"),
        pytest.param(b"rpc", id="bytes"),
        pytest.param(7, id="number"),
    ],
)
def test_a_name_that_is_no_dns_label_is_refused(name: object) -> None:
    with pytest.raises(TypeError) as caught:
        define(**{**WHOLE, "name": name})
    assert "needs a name that is a DNS label (lower-case letters, digits and inner hyphens" in str(caught.value)
    assert str(caught.value).endswith(f"not {name!r}")


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,44}[a-z0-9])?", fullmatch=True))
def test_every_dns_label_that_fits_a_port_name_is_a_name(name: str) -> None:
    assert define(**{**WHOLE, "name": name}).name == name
    assert len(f"tcp-metaprotocol-{name}") <= 63


@pytest.mark.parametrize("framing", [(4, 4), LengthField, "length"])
def test_a_framing_that_is_none_is_refused(framing: object) -> None:
    with pytest.raises(TypeError, match="needs a framing that is a Framing, not "):
        define(**{**WHOLE, "framing": framing})


def test_a_framing_may_be_a_property_where_options_decide_it() -> None:
    class Wide(OpaqueCodec):
        name = "wide"

        def __init__(self, *, width: int) -> None:
            super().__init__()
            self.width = width

        @property
        def framing(self) -> LengthField:
            return LengthField(0, self.width)

    assert Wide(width=8).framing == LengthField(0, 8)


def test_what_a_base_class_brings_need_not_be_said_again() -> None:
    class Later(define(**WHOLE)):
        name = "later"

    assert (Later.name, Later.framing) == ("later", FRAMING)


def test_an_abstract_class_leaves_the_rest_to_others() -> None:
    class Family(Codec, abstract=True):
        framing = FRAMING

    class Member(Family):
        name = "member"
        decode = decode

    assert Member().framing is FRAMING
    with pytest.raises(TypeError, match="needs a name"):

        class Nameless(Family):
            decode = decode


def test_an_abstract_class_makes_no_codec() -> None:
    class Family(Codec, abstract=True):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Family()


def test_an_abstract_class_that_can_decode_makes_no_codec_either() -> None:
    with pytest.raises(TypeError):
        OpaqueCodec()


def test_other_class_keywords_reach_the_base_class() -> None:
    class Base:
        def __init_subclass__(cls, *, colour: str, **kwargs: object) -> None:
            super().__init_subclass__(**kwargs)
            cls.colour = colour

    class Coloured(Codec, Base, abstract=True, colour="red"):
        pass

    assert Coloured.colour == "red"
