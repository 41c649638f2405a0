"""Apache Dubbo Java: each version's provider and consumer start when the first test asks, and stop after the last."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from peers.dubbo_java import VERSIONS, DubboVersion, JavaConsumer, JavaProvider, required

_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # all of the run, not only those of this folder
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(params=VERSIONS, ids=lambda version: f"dubbo-{version.number}")
def version(request: pytest.FixtureRequest) -> DubboVersion:
    """Dubbo Java 2.6, 2.7 and 3."""
    return required(request.param)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Start a provider or a consumer of a version, or return the one that runs."""
    with ExitStack() as stack:
        yield cache(lambda program, version: stack.enter_context(program(version, tmp_path_factory.mktemp("java"))))


@pytest.fixture
def provider(version: DubboVersion, running: Callable) -> JavaProvider:
    """A Java provider of this version that has not been called yet, as far as it reports."""
    provider = running(JavaProvider, version)
    provider.forget()
    return provider


@pytest.fixture
def consumer(version: DubboVersion, running: Callable) -> JavaConsumer:
    """A Java consumer of this version."""
    return running(JavaConsumer, version)
