"""A module and a Python half that do not belong together are refused, and say so."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live_engine.config import bridged, built_module, codec_filter_config, codec_listener
from live_envoy import EnvoyFault
from live_envoy.config import bootstrap, route

pytestmark = pytest.mark.live

ENGINE = Path(__file__).parents[3] / "engine"


@pytest.fixture
def native(tmp_path):
    """A copy of the module's sources, with a way to build it."""
    shutil.copytree(ENGINE / "native", tmp_path / "native")
    return tmp_path / "native"


def build(native):
    output = native / "libmetaprotocol_envoy.so"
    subprocess.run([sys.executable, native / "compile.py", "module", output], check=True)
    return output


def change(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def start(start_envoy, module=None, config=None):
    text = json.dumps(bootstrap([codec_listener("awesomerpc", [route("up")])], [bridged("up", 1)]))
    if module:
        text = text.replace(str(built_module()), str(module))
    if config:
        text = text.replace(json.dumps(codec_filter_config("awesomerpc"))[1:-1], json.dumps(config)[1:-1])
    start_envoy(json.loads(text))


def test_a_module_of_other_sources_is_refused(start_envoy, native):
    change(native / "guard.c", "/* The deadline of calls into Python. */", "/* Another. */")
    with pytest.raises(
        EnvoyFault, match=r"was built from sources [0-9a-f]{16}, and .* needs [0-9a-f]{16}.*make engine"
    ):
        start(start_envoy, build(native))


def test_a_module_from_before_the_check_is_refused(start_envoy, native):
    change(native / "python.c", "const char *unfit = check_fit();", "const char *unfit = NULL; (void)check_fit;")
    with pytest.raises(EnvoyFault, match=r"sources that it does not name, and .* needs [0-9a-f]{16}.*make engine"):
        start(start_envoy, build(native))


def test_a_python_half_from_before_the_check_is_refused(start_envoy, tmp_path):
    shutil.copytree(ENGINE / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    change(tmp_path / "src" / "metaprotocol_envoy" / "embed.py", "def check_fit", "def not_there")
    config = codec_filter_config("awesomerpc").replace("path = ", f"path = {tmp_path / 'src'}:")
    with pytest.raises(EnvoyFault, match=r"metaprotocol_envoy is older than this module, .* from the same release"):
        start(start_envoy, config=config)
