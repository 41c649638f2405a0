"""Codecs of other distributions, as pip would install them: found, listed, and told apart."""

import json

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main
from metaprotocol_sdk import available_codecs

CODEC = """
from metaprotocol_sdk import Codec, LengthField, MessageType, Metadata

class AcmeCodec(Codec):
    name = "acme"
    framing = LengthField(offset=0, length=2)

    def decode(self, message, direction):
        return Metadata(message, MessageType.REQUEST, request_id=int.from_bytes(message[2:]))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one codec on the path, the way an installer leaves it there."""

    def install(distribution, version, entry_point, **modules):
        place = tmp_path / distribution
        information = place / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[metaprotocol.codecs]\n{entry_point}\n")
        for name, source in modules.items():
            (place / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(place))
        available_codecs(refresh=True)

    yield install
    monkeypatch.undo()
    available_codecs(refresh=True)


def run(*arguments, data=None):
    return CliRunner().invoke(main, arguments, input=data)


def rows(name):
    return [row for row in json.loads(run("codecs", "--json").stdout) if row["name"] == name]


def test_a_codec_of_another_distribution_is_listed_and_used(install):
    install("acme-codecs", "1.4", "acme = acme_wire_1:AcmeCodec", acme_wire_1=CODEC)
    assert rows("acme") == [
        {
            "name": "acme",
            "version": "1.4",
            "distribution": "acme-codecs",
            "module": "acme_wire_1:AcmeCodec",
            "capabilities": [],
            "error": None,
        }
    ]
    assert "decode only" in run("codecs").stdout
    result = run("inspect", "--codec", "acme", "--json", "-", data=bytes.fromhex("0002 0007"))
    assert json.loads(result.stdout)["id"] == 7


def test_a_distribution_whose_codec_does_not_load_is_named_and_the_others_are_listed(install):
    install("acme-broken", "0.1", "acme = acme_wire_2:AcmeCodec", acme_wire_2="raise RuntimeError('no licence')")
    result = run("codecs")
    assert result.exit_code == 1
    assert "acme-broken" in result.stdout
    assert "metaprotocol_codecs.dubbo:DubboCodec" in result.stdout
    (row,) = rows("acme")
    assert "acme-broken 0.1" in row["error"]
    assert "RuntimeError: no licence" in row["error"]


def test_a_name_that_two_distributions_claim_is_refused_with_both_named(install):
    install("acme-one", "1.0", "acme = acme_wire_3:AcmeCodec", acme_wire_3=CODEC)
    install("acme-two", "2.0", "acme = acme_wire_4:AcmeCodec", acme_wire_4=CODEC)
    assert [row["distribution"] for row in rows("acme")] == ["acme-one", "acme-two"]
    assert run("codecs").exit_code == 1
    result = run("inspect", "--codec", "acme", "-", data=b"")
    assert result.exit_code == 2
    assert "acme-one 1.0" in result.stderr
    assert "acme-two 2.0" in result.stderr


def test_a_codec_announced_under_another_name_than_its_own_is_an_error(install):
    install("acme-renamed", "1.0", "amce = acme_wire_5:AcmeCodec", acme_wire_5=CODEC)
    (row,) = rows("amce")
    assert "the class says its name is 'acme'" in row["error"]


def test_a_mistyped_name_is_answered_with_the_installed_ones(install):
    install("acme-codecs", "1.4", "acme = acme_wire_6:AcmeCodec", acme_wire_6=CODEC)
    assert "did you mean 'acme'?" in run("inspect", "--codec", "acne", "-", data=b"").stderr
