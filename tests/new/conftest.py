"""The project that `metaprotocol new` makes when it is asked nothing."""

from pathlib import Path
from types import ModuleType

import pytest
from projects import imported, make


@pytest.fixture(scope="session")
def default_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("default"))


@pytest.fixture
def default_package(default_project: Path) -> ModuleType:
    with imported(default_project) as package:
        yield package
