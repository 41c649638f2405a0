"""The text that configures a codec filter."""

import sys
from pathlib import Path

import pytest

from metaprotocol_envoy import (
    ModuleNotBuilt,
    Settings,
    SettingsError,
    filter_config,
    find_libpython,
    interpreter_config,
    module_path,
)
from metaprotocol_envoy.embed import check_fit, start
from metaprotocol_envoy.fit import DoesNotFit, expected_digest
from metaprotocol_envoy.libpython import LibpythonNotFound
from metaprotocol_envoy.statistics import NAMES
from metaprotocol_sdk import CodecNotFound


def test_lines_set_fields() -> None:
    text = "# ours\nlibpython = /lib/x.so\ncodec = dubbo\n\nmax_in_flight=7\npropagate = b3, traceparent\n"
    assert Settings.parse(text) == Settings(codec="dubbo", max_in_flight=7, propagate=("b3", "traceparent"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no codec is named"),
        ("codec", "line 1 is not `key = value`"),
        ("codec = a\ncodec = b", "line 2: codec is set twice"),
        ("codec = a\nmaxinflight = 1", "line 2: there is no setting 'maxinflight'; there are authority,"),
        ("codec = a\nmax_in_flight = many", "line 2: max_in_flight must be a whole number, not 'many'"),
        ("codec = a\nmax_in_flight = 0", "max_in_flight must be at least 1, not 0"),
        ("codec = a\nmax_headers_size = 1048577", "max_headers_size must be at most 1048576, not 1048577"),
        ("codec = a\nincomplete = maybe", 'incomplete must be "refuse" or "pass"'),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        Settings.parse(text)


def test_the_c_half_gets_what_it_needs_as_plain_values() -> None:
    with pytest.raises(DoesNotFit, match="make engine"):
        start("codec = awesomerpc")  # as a module does that is older
    assert "make engine" in check_fit("0123456789abcdef")
    assert check_fit(expected_digest()) == ""
    _, *numbers, names, prefixes, _, _, counters, gauge = start("codec = awesomerpc\nmax_held = 9")
    assert numbers == [False, False, False, 1024, 9, 200_000, 2**30, 10_000, 1000]
    assert "x-request-id" in names
    assert "x-envoy-" in prefixes
    assert counters == NAMES
    assert gauge == "metaprotocol.in_flight"


def test_names_of_counters_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.fixture
def libpython() -> Path:
    try:
        return find_libpython()
    except LibpythonNotFound as error:
        pytest.skip(str(error))


def test_the_configuration_of_this_python_can_be_read_again(libpython: Path) -> None:
    assert libpython.is_file()
    text = filter_config(codec="awesomerpc", propagate=("b3",))
    assert text.startswith(f"libpython = {libpython}\nhome = ")
    assert Settings.parse(text).propagate == ("b3",)


def test_a_configuration_of_a_codec_that_there_is_not_is_refused(libpython: Path) -> None:
    with pytest.raises(CodecNotFound, match="nosuch"):
        filter_config(codec="nosuch")


def test_the_folder_that_python_was_started_in_is_named(
    libpython: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    path = next(line for line in interpreter_config().splitlines() if line.startswith("path = "))
    assert path.removeprefix("path = ").split(":")[0] == str(tmp_path)


def test_a_python_without_a_shared_library_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaprotocol_envoy.libpython._candidates", list)
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    with pytest.raises(LibpythonNotFound, match=r"has no shared library, which Envoy must load\. [A-Z]"):
        find_libpython()


def test_a_module_that_is_not_built_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaprotocol_envoy._LIBRARY", "libnone.so")
    with pytest.raises(ModuleNotBuilt, match="make engine"):
        module_path()
