"""Codecs are found by name, and one that cannot be had says why and whose it is."""

import importlib.metadata
import re
from collections.abc import Callable, Iterator

import pytest
from toy_protocols import OpaqueCodec

import metaprotocol_sdk
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import (
    ENTRY_POINT_GROUP,
    Codec,
    CodecConflict,
    CodecInfo,
    CodecLoadError,
    CodecNotFound,
    LengthField,
    Limits,
    RegistryError,
    available_codecs,
    load_codec,
    load_codec_class,
    register_codec,
    unregister_codec,
)

Announce = Callable[..., None]

CODEC = """
from metaprotocol_sdk import Codec, LengthField, MessageType, Metadata

class AcmeCodec(Codec):
    name = "acme"
    framing = LengthField(0, 4)

    def __init__(self, *, level: int = 1, limits=None):
        super().__init__(limits=limits)
        if level < 0:
            raise ValueError("level must be at least 0")
        self.level = level

    def decode(self, message, direction):
        return Metadata(message, MessageType.REQUEST)

class Outer:
    Inner = AcmeCodec
"""


def test_the_group_is_the_one_that_distributions_announce_in() -> None:
    assert ENTRY_POINT_GROUP == "metaprotocol.codecs"


def test_the_codecs_of_this_distribution_are_announced() -> None:
    rows = {info.name: info for info in available_codecs()}
    info = rows["awesomerpc"]
    assert info.target == "metaprotocol_codecs.awesomerpc:AwesomeRpcCodec"
    assert (info.distribution, info.version) == ("metaprotocol-sdk", importlib.metadata.version("metaprotocol-sdk"))
    assert info.load() is AwesomeRpcCodec


def test_codecs_are_listed_sorted_by_name(announce: Announce) -> None:
    announce("zebra-codecs", "1.0", {"zebra": "zebra:Zebra", "aardvark": "zebra:Aardvark"})
    names = [info.name for info in available_codecs()]
    assert names == sorted(names)
    assert {"aardvark", "awesomerpc", "zebra"} <= set(names)


def test_a_codec_is_loaded_by_its_name() -> None:
    codec = load_codec("awesomerpc")
    assert type(codec) is AwesomeRpcCodec
    assert load_codec_class("awesomerpc") is AwesomeRpcCodec


def test_a_codec_is_loaded_by_where_its_class_is(announce: Announce) -> None:
    announce("acme", "1.0", {}, {"acme_place": CODEC})
    assert load_codec("acme_place:AcmeCodec").name == "acme"
    assert load_codec("acme_place:Outer.Inner").name == "acme"


def test_every_call_makes_an_object_of_its_own() -> None:
    assert load_codec("awesomerpc") is not load_codec("awesomerpc")


def test_options_reach_the_codec(announce: Announce) -> None:
    announce("acme", "1.0", {"acme": "acme_options:AcmeCodec"}, {"acme_options": CODEC})
    codec = load_codec("acme", level=3, limits=Limits(max_depth=5))
    assert (codec.level, codec.limits.max_depth) == (3, 5)


def test_a_near_miss_is_told_what_comes_close() -> None:
    with pytest.raises(CodecNotFound, match=r"no codec named 'awesomrpc'; did you mean 'awesomerpc'\?") as caught:
        load_codec("awesomrpc")
    assert caught.value.close == ("awesomerpc",)


@pytest.mark.parametrize("name", ["", "zzzzzz", "AWESOMERPC", " "])
def test_a_wide_miss_is_told_what_there_is(name: str) -> None:
    with pytest.raises(CodecNotFound) as caught:
        load_codec(name)
    assert "awesomerpc" in caught.value.known
    assert "'awesomerpc'" in str(caught.value)


def test_an_unknown_option_is_told_which_there_are() -> None:
    with pytest.raises(CodecLoadError) as caught:
        load_codec("awesomerpc", colour="red")
    assert "'awesomerpc' does not take these options" in str(caught.value)
    assert "'colour'" in str(caught.value)
    assert str(caught.value).endswith("its options are: limits")


def test_an_option_that_the_codec_refuses_is_told_in_its_words(announce: Announce) -> None:
    announce("acme", "1.0", {"acme": "acme_refuses:AcmeCodec"}, {"acme_refuses": CODEC})
    with pytest.raises(CodecLoadError, match="the codec 'acme' refuses its options: level must be at least 0"):
        load_codec("acme", level=-1)


def test_limits_below_the_protocols_header_are_refused() -> None:
    with pytest.raises(CodecLoadError, match=r"'awesomerpc' refuses its options: .*max_message_size is smaller than"):
        load_codec("awesomerpc", limits=Limits(max_message_size=11))


@pytest.mark.parametrize("limits", [5, "16MiB", {"max_message_size": 100}])
def test_limits_that_are_none_are_refused(limits: object) -> None:
    with pytest.raises(CodecLoadError, match="'awesomerpc' refuses its options"):
        load_codec("awesomerpc", limits=limits)


def test_a_class_of_another_name_is_refused(announce: Announce) -> None:
    announce("acme-codecs", "2.1", {"apex": "acme_name:AcmeCodec"}, {"acme_name": CODEC})
    with pytest.raises(CodecLoadError) as caught:
        load_codec("apex")
    assert str(caught.value) == (
        "acme-codecs 2.1 announces acme_name:AcmeCodec as 'apex', and the class says its name is 'acme'"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("import surely_not_installed", "ModuleNotFoundError: No module named 'surely_not", id="import"),
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", id="exception"),
        pytest.param("def (", "SyntaxError: ", id="syntax"),
        pytest.param("", "AttributeError: module 'acme_broken' has no attribute 'AcmeCodec'", id="no class"),
        pytest.param("from metaprotocol_sdk import Codec\nclass AcmeCodec(Codec): pass", "TypeError: ", id="no codec"),
    ],
)
def test_a_failing_import_names_the_distribution_and_the_cause(announce: Announce, source: str, reason: str) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_broken:AcmeCodec"}, {"acme_broken": source})
    with pytest.raises(CodecLoadError) as caught:
        load_codec("acme")
    start = "the codec 'acme' of acme-codecs 2.1 cannot be loaded from acme_broken:AcmeCodec: "
    assert str(caught.value).startswith(start + reason)
    assert caught.value.__cause__ is not None


def test_a_codec_that_does_not_load_is_still_listed_and_harms_no_other(announce: Announce) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_absent:AcmeCodec"})
    assert CodecInfo("acme", "acme_absent:AcmeCodec", "acme-codecs", "2.1") in available_codecs()
    assert load_codec("awesomerpc").name == "awesomerpc"


@pytest.mark.parametrize("target", ["json:dumps", "json:JSONDecoder", "metaprotocol_sdk:ENTRY_POINT_GROUP"])
def test_what_is_no_codec_is_refused(target: str) -> None:
    with pytest.raises(CodecLoadError, match="which is not a subclass of Codec"):
        load_codec(target)


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ("mymod.py:My", "mymod:My"),
        ("./mymod:My", "mymod:My"),
        ("codecs/mymod.py:My", "codecs.mymod:My"),
        ("mymod:", "mymod:Class"),
        (":My", "module:My"),
        ("..mymod:My", "mymod:My"),
    ],
)
def test_a_place_that_is_not_a_module_and_a_class_is_told_what_to_write(place: str, written: str) -> None:
    with pytest.raises(CodecLoadError, match=rf"^the codec {re.escape(place)} cannot be loaded: .*; write {written}$"):
        load_codec(place)


def test_an_exception_of_an_import_is_told_with_its_file_and_line(announce: Announce) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_raises:AcmeCodec"}, {"acme_raises": "x = 1\n\n1 / 0\n"})
    with pytest.raises(CodecLoadError, match=r"division by zero \(.*acme_raises\.py, line 3\)$"):
        load_codec("acme")


@pytest.mark.parametrize("target", [":", "json:", ":Codec", ".relative:Codec", "no_such_module:Codec", "json:no.such"])
def test_a_place_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(CodecLoadError, match="cannot be loaded"):
        load_codec(target)


def test_an_abstract_class_is_refused() -> None:
    with pytest.raises(CodecLoadError, match="metaprotocol_sdk:Codec is a base class for codecs, not a codec"):
        load_codec("metaprotocol_sdk:Codec")


ABSTRACT = """
from metaprotocol_sdk import Codec, MessageType, Metadata

class AcmeCodec(Codec, abstract=True):
    def decode(self, message, direction):
        return Metadata(message, MessageType.REQUEST)
"""


@pytest.mark.parametrize("name", ["acme", "acme_abstract:AcmeCodec"])
def test_an_abstract_class_that_can_decode_is_refused_too(announce: Announce, name: str) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_abstract:AcmeCodec"}, {"acme_abstract": ABSTRACT})
    with pytest.raises(CodecLoadError, match="acme_abstract:AcmeCodec is a base class for codecs, not a codec"):
        load_codec(name)


def test_a_name_that_two_distributions_claim_is_refused_and_both_are_named(announce: Announce) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_two:AcmeCodec"}, {"acme_two": CODEC})
    announce("rival", "0.3", {"acme": "rival_two:RivalCodec"})
    with pytest.raises(CodecConflict) as caught:
        load_codec("acme")
    assert "'acme' is claimed by acme-codecs 2.1 (acme_two:AcmeCodec) and rival 0.3 (rival_two:RivalCodec)" in str(
        caught.value
    )
    assert [info.distribution for info in available_codecs() if info.name == "acme"] == ["acme-codecs", "rival"]


def test_a_claimed_name_can_still_be_had_by_place(announce: Announce) -> None:
    announce("acme-codecs", "2.1", {"acme": "acme_claimed:AcmeCodec"}, {"acme_claimed": CODEC})
    announce("rival", "0.3", {"acme": "rival_claimed:RivalCodec"})
    assert load_codec("acme_claimed:AcmeCodec").name == "acme"


def test_an_entry_point_may_name_extras(announce: Announce) -> None:
    """`name = module:Class [extra]` is in the entry-point format; installers ignore the extras."""
    announce("acme", "1.0", {"acme": "acme_extras:AcmeCodec [fast]"}, {"acme_extras": CODEC})
    assert load_codec("acme").name == "acme"


@pytest.mark.parametrize("target", ["not a place!", "acme_nowhere", "acme_nowhere:"])
def test_an_entry_point_that_names_no_class_harms_no_other(announce: Announce, target: str) -> None:
    announce("acme-codecs", "2.1", {"acme": target})
    assert load_codec("awesomerpc").name == "awesomerpc"
    with pytest.raises(CodecLoadError, match=r"the codec 'acme' of acme-codecs 2\.1 cannot be loaded"):
        load_codec("acme")


def test_the_entry_points_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    real = importlib.metadata.entry_points

    def counted(**parameters: str) -> importlib.metadata.EntryPoints:
        nonlocal calls
        calls += 1
        return real(**parameters)

    monkeypatch.setattr(importlib.metadata, "entry_points", counted)
    available_codecs(refresh=True)
    assert available_codecs() == available_codecs()
    load_codec("awesomerpc")
    load_codec_class("awesomerpc")
    with pytest.raises(CodecNotFound):
        load_codec("nothing")
    assert calls == 1


def test_every_failure_can_be_caught_as_one() -> None:
    for name in ("nothing", "json:dumps"):
        with pytest.raises(RegistryError):
            metaprotocol_sdk.load_codec_class(name)


@pytest.mark.parametrize("info", available_codecs(), ids=lambda info: info.name)
def test_every_announced_codec_of_ours_loads_under_its_name(info: CodecInfo) -> None:
    codec = load_codec(info.name)
    assert isinstance(codec, Codec)
    assert codec.name == info.name


@pytest.fixture
def registered() -> Iterator[type[Codec]]:
    codec = type("Mine", (OpaqueCodec,), {"name": "mine", "framing": LengthField(0, 2)})
    yield register_codec(codec)
    unregister_codec("mine")


def test_a_registered_codec_is_found_by_its_name(registered: type[Codec]) -> None:
    assert isinstance(load_codec("mine"), registered)
    assert [info.name for info in available_codecs() if info.name == "mine"] == ["mine"]


def test_a_codec_may_be_registered_twice_and_taken_back(registered: type[Codec]) -> None:
    register_codec(registered)
    unregister_codec("mine")
    unregister_codec("mine")
    with pytest.raises(CodecNotFound):
        load_codec("mine")


def test_another_codec_does_not_take_a_registered_name_unless_it_replaces_it(registered: type[Codec]) -> None:
    other = type("Other", (OpaqueCodec,), {"name": "mine", "framing": LengthField(0, 2)})
    with pytest.raises(CodecConflict, match="the codec name 'mine' is taken by"):
        register_codec(other)
    assert isinstance(load_codec("mine"), registered)
    register_codec(other, replace=True)
    assert isinstance(load_codec("mine"), other)


def test_the_name_of_an_installed_codec_cannot_be_registered() -> None:
    codec = type("Mine", (OpaqueCodec,), {"name": "dubbo", "framing": LengthField(0, 2)})
    with pytest.raises(CodecConflict, match="the codec name 'dubbo' is taken by metaprotocol-sdk"):
        register_codec(codec, replace=True)
