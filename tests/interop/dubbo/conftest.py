"""Apache Dubbo Java, started once for each version that a test asks for."""

from collections.abc import Iterator

import pytest
from peers.cache import NotInstalled
from peers.dubbo_java import VERSIONS, DubboVersion, JavaConsumer, JavaProvider, install_java
from required import require


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"dubbo-{version.number}")
def version(request: pytest.FixtureRequest) -> DubboVersion:
    """Apache Dubbo Java 2.7, and 3."""
    try:
        install_java(request.param)
    except NotInstalled as error:
        require("interop", f"Apache Dubbo Java {request.param.number}: {error}")
    return request.param


@pytest.fixture(scope="session")
def running_provider(version: DubboVersion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaProvider]:
    with JavaProvider(version, tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(running_provider: JavaProvider) -> JavaProvider:
    """A Java provider of this version that has not been called yet, as far as it reports."""
    running_provider.forget()
    return running_provider


@pytest.fixture(scope="session")
def consumer(version: DubboVersion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaConsumer]:
    """A Java consumer of this version."""
    with JavaConsumer(version, tmp_path_factory.mktemp("consumer")) as consumer:
        yield consumer
