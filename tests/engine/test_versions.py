"""Several versions of a codec's code in one interpreter."""

import gc
import sys
from pathlib import Path

import pytest

from metaprotocol_codecs import awesomerpc
from metaprotocol_envoy import Settings, SettingsError
from metaprotocol_envoy.service import Service
from metaprotocol_sdk import CodecLoadError

CODEC = """
import acme.words
from acme import words as same
from acme.words import WORD
from . import words as relative
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec

class AcmeCodec(AwesomeRpcCodec):
    name = "acme"

    def all_words(self):
        from acme.words import WORD as late
        import acme.words as later
        return [acme.words.WORD, same.WORD, WORD, relative.WORD, late, later.WORD]
"""


def version(folder: Path, word: str) -> Settings:
    """Write a package acme, in which modules import each other in every way."""
    package = folder / word / "acme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from acme.codec import AcmeCodec\n")
    (package / "codec.py").write_text(CODEC)
    (package / "words.py").write_text(f"WORD = {word!r}\n")
    return Settings(codec="acme:AcmeCodec", code=str(folder / word))


def modules() -> list[str]:
    return [name for name in sys.modules if name.startswith("acme")]


def test_each_version_has_modules_of_its_own(tmp_path: Path) -> None:
    old, new = (Service(version(tmp_path, word)) for word in ("old", "new"))
    assert old.codec.all_words() == ["old"] * 6
    assert new.codec.all_words() == ["new"] * 6
    assert type(old.codec).__module__ == "acme@old.codec"
    assert isinstance(new.codec, awesomerpc.AwesomeRpcCodec)


def test_one_version_is_loaded_once(tmp_path: Path) -> None:
    settings = version(tmp_path, "one")
    assert type(Service(settings).codec) is type(Service(settings).codec)


def test_a_version_is_forgotten_with_its_last_service(tmp_path: Path) -> None:
    settings = version(tmp_path, "short")
    first, second = Service(settings), Service(settings)
    del first
    gc.collect()
    assert "acme@short.words" in modules()
    assert second.codec.all_words() == ["short"] * 6
    del second
    gc.collect()
    assert not modules()


def test_a_version_that_fails_leaves_nothing(tmp_path: Path) -> None:
    settings = version(tmp_path, "bad")
    (tmp_path / "bad" / "acme" / "words.py").write_text("1 / 0")
    with pytest.raises(CodecLoadError, match=r"acme@bad:AcmeCodec.*ZeroDivisionError"):
        Service(settings)
    gc.collect()
    assert not modules()


def test_a_codec_may_be_one_file(tmp_path: Path) -> None:
    (tmp_path / "3f2a").mkdir()
    source = CODEC.replace("import acme.words\nfrom acme import words as same\nfrom acme.words import WORD\n", "")
    (tmp_path / "3f2a" / "acme.py").write_text(source.replace("from . import words as relative\n", ""))
    service = Service(Settings(codec="acme:AcmeCodec", code=str(tmp_path / "3f2a")))
    assert type(service.codec).__module__ == "acme@3f2a"


def test_a_folder_without_the_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not have the code of 'acme:AcmeCodec'"):
        Service(Settings(codec="acme:AcmeCodec", code=str(tmp_path)))
