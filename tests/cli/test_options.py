"""`--option` and `--codec`: what reaches the codec."""

import pytest
from click.testing import CliRunner
from dubbo_bytes import request

from metaprotocol_cli import main


def inspect(*arguments, codec="dubbo"):
    data = request(attachments={"a": "1", "b": "2"})
    return CliRunner().invoke(main, ["inspect", "--codec", codec, *arguments, "-"], input=data)


def test_a_limit_is_applied():
    result = inspect("--option", "max_elements=1")
    assert result.exit_code == 1
    assert "2 is over the limit max_elements of 1" in result.stdout


def test_several_limits_are_applied():
    result = inspect("--option", "max_elements=2", "--option", "max_message_size=50")
    assert "over the limit max_message_size of 50" in result.stderr


def test_of_one_limit_given_twice_the_last_counts():
    assert inspect("--option", "max_elements=1", "--option", "max_elements=2").exit_code == 0


def test_a_class_that_no_distribution_announces_is_found_by_its_place():
    assert inspect(codec="metaprotocol_codecs.dubbo:DubboCodec").exit_code == 0


@pytest.mark.parametrize("option", ["limits=5", "limits=big", "limits=true", "limits="])
def test_limits_are_not_given_as_a_whole(option):
    result = inspect("--option", option)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    "codec", ["", ":", "os:path", "os.path:join", "metaprotocol_sdk:Codec", "no.such:Thing", "a b"]
)
def test_what_is_no_codec_is_refused_with_a_sentence(codec):
    result = inspect(codec=codec)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ")


def test_a_folder_without_a_recording_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds no NAME.chunks.json" in result.stderr


def test_a_codec_name_drives_no_terminal():
    assert "\x1b" not in inspect(codec="\x1b[31mdubbo").output
