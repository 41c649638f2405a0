"""Names are refused before anything is made of them."""

import pytest

from metaprotocol_cli.new.names import Names
from metaprotocol_cli.new.problems import AnswersError


@pytest.mark.parametrize(
    ("name", "project", "package", "codec_class"),
    [
        ("acme-rpc", "acme-rpc-codec", "acme_rpc_codec", "AcmeRpcCodec"),
        ("x", "x-codec", "x_codec", "XCodec"),
        ("parcel-codec", "parcel-codec", "parcel_codec", "ParcelCodec"),
        ("codec", "codec-codec", "codec_codec", "CodecCodec"),
        ("9p", "9p-codec", "codec_9p", "Rpc9PCodec"),
        ("class", "class-codec", "class_codec", "ClassCodec"),
        ("a--b", "a--b-codec", "a__b_codec", "ABCodec"),
    ],
)
def test_all_names_follow_from_the_codecs(name: str, project: str, package: str, codec_class: str) -> None:
    names = Names.of(name)
    assert (names.project, names.package, names.codec_class) == (project, package, codec_class)
    assert package.isidentifier()
    assert codec_class.isidentifier()


@pytest.mark.parametrize(
    "name", ["", "Acme", "acme_rpc", "-acme", "acme-", "ac me", "../acme", "acmé", "a" * 47, "a\n"]
)
def test_a_codecs_name_is_a_dns_label(name: str) -> None:
    with pytest.raises(AnswersError, match="not a DNS label"):
        Names.of(name)


@pytest.mark.parametrize(
    ("name", "proposal"), [("Acme", "acme"), ("acme_rpc", "acme-rpc"), ("../Acme RPC/", "acme-rpc")]
)
def test_a_label_like_the_name_is_proposed(name: str, proposal: str) -> None:
    with pytest.raises(AnswersError, match=rf"; {proposal} is one$"):
        Names.of(name)


@pytest.mark.parametrize("name", ["", "__", "a" * 47])
def test_nothing_is_proposed_for_a_name_without_a_label_in_it(name: str) -> None:
    with pytest.raises(AnswersError, match=r"in the mesh$"):
        Names.of(name)


def test_the_longest_label_is_taken() -> None:
    assert Names.of("a" * 46).name == "a" * 46


def test_the_name_of_an_installed_codec_is_taken_already() -> None:
    with pytest.raises(AnswersError, match=r"'dubbo' is taken: metaprotocol-sdk 0\.1\.0 has a codec of this name"):
        Names.of("dubbo")


def test_a_project_may_be_made_again_while_it_is_installed() -> None:
    assert Names.of("dubbo", project="metaprotocol-sdk", package="again").name == "dubbo"


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("async", "Python keyword"),
        ("match", "Python keyword"),
        ("json", "would hide a module of this name"),
        ("construct", "would hide a module of this name"),
        ("metaprotocol_sdk", "would hide a module of this name"),
        ("tests", "would hide a module of this name"),
        ("Acme", "not a name for a Python package"),
        ("9p", "not a name for a Python package"),
        ("a-b", "not a name for a Python package"),
        ("a.b", "not a name for a Python package"),
        ("_a", "not a name for a Python package"),
        ("", "not a name for a Python package"),
    ],
)
def test_a_package_can_be_imported_and_hides_nothing(package: str, why: str) -> None:
    with pytest.raises(AnswersError, match=why):
        Names.of("acme", package=package)


@pytest.mark.parametrize("project", ["Acme", "a_b", "a/b", "..", "-a", "a" * 53])
def test_a_project_has_the_name_of_a_distribution(project: str) -> None:
    with pytest.raises(AnswersError, match="not a name for a distribution"):
        Names.of("acme", project=project, package="acme")


@pytest.mark.parametrize("author", [" ", "a\nb", 'a"b', "a\\b", "a" * 101])
def test_an_author_is_one_line_that_fits_any_file(author: str) -> None:
    with pytest.raises(AnswersError, match="the author is one line"):
        Names.of("acme", author=author)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(AnswersError) as caught:
        Names.of("acme", project="A", package="json", author="\t")
    assert len(caught.value.problems) == 3
