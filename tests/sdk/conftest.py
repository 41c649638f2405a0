"""Distributions that announce codecs, made up for one test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaprotocol_sdk import available_codecs


@pytest.fixture
def announce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that puts a distribution on the path, as an installer leaves it.

    It takes the distribution's name and version, its entry points by name, and the source of its modules by name.
    """
    before = set(sys.modules)

    def announce(
        distribution: str, version: str, codecs: dict[str, str], modules: dict[str, str] | None = None
    ) -> None:
        folder = tmp_path / f"{distribution}-{version}"
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {target}" for name, target in codecs.items()]
        (info / "entry_points.txt").write_text("\n".join(["[metaprotocol.codecs]", *lines, ""]))
        for name, source in (modules or {}).items():
            (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(folder)
        available_codecs(refresh=True)

    yield announce
    monkeypatch.undo()
    available_codecs(refresh=True)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
