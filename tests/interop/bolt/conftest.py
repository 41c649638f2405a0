"""SOFARPC for Java and for Node: the programs start when the first test asks, and stop after the last."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.bolt import BoltJava, BoltNode
from peers.programs import required

_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # all of the run, not only those of this folder
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoltJava]:
    """A server of SOFARPC for Java."""
    required("bolt")
    with BoltJava(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoltJava]:
    """A client of SOFARPC for Java."""
    required("bolt")
    with BoltJava(tmp_path_factory.mktemp("java"), heartbeat=300) as running:
        yield running


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoltNode]:
    """A client of sofa-bolt-node."""
    required("bolt")
    with BoltNode(tmp_path_factory.mktemp("node")) as running:
        yield running
