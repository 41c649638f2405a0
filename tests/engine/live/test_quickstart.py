"""The page of a first call is gone through as a reader does, with each release of Envoy.

Its ports stand for free ones. `tests/support/documents.py` says the rest.
"""

import os
import re
from pathlib import Path

from documents import evaluate, parse
from live_engine.config import built_module, codec_filter_config
from live_envoy import Release
from shell import Shell, free_port

PAGE = Path(__file__).parents[3] / "docs" / "engine" / "quickstart.md"


def test_the_first_call_of_the_page(release: Release, tmp_path: Path) -> None:
    built_module()
    codec_filter_config("awesomerpc")  # the test is skipped where it cannot be made
    text = PAGE.read_text("utf-8")
    for port in ("19080", "21101"):
        assert port in text
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    path = f"{release.binary().parent}{os.pathsep}"
    folder = tmp_path / "empty"
    folder.mkdir()
    with Shell(folder, {"HOME": str(Path.home())}) as shell:
        shell.run(f'PATH="{path}$PATH"')
        evaluate(parse(page), shell)
