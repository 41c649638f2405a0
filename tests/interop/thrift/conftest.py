"""The Thrift libraries, each installed once, and their servers, each started once for what it is to speak."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from peers.cache import NotInstalled
from peers.thrift.programs import LIBRARIES, Server
from peers.thrift.stacks import Combination, Stack
from required import require


@pytest.fixture(scope="session")
def install() -> Callable[[str], None]:
    """Installs a library; the test is skipped if that cannot be."""

    @cache  # what failed once is not tried again
    def fault(library: str) -> str:
        try:
            LIBRARIES[library].folder()
        except NotInstalled as error:
            return f"{LIBRARIES[library].name}: {error}"
        return ""

    def install(library: str) -> None:
        if fault(library):
            require("interop", fault(library))

    return install


@pytest.fixture(scope="session")
def running_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Stack], Server]]:
    """Returns a running server of a library, and starts it where it does not run yet."""
    running: dict[tuple[str, Stack], Server] = {}
    with ExitStack() as until_the_end:

        def start(library: str, stack: Stack) -> Server:
            if (library, stack) not in running:
                log = tmp_path_factory.mktemp(f"{library}-{stack}") / "server.log"
                running[library, stack] = until_the_end.enter_context(Server(library, stack, log))
            return running[library, stack]

        yield start


@pytest.fixture
def server(
    combination: Combination, install: Callable[[str], None], running_servers: Callable[[str, Stack], Server]
) -> Server:
    """The server of a combination, of which the client is installed too."""
    install(combination.client)
    install(combination.server)
    return running_servers(combination.server, combination.server_stack)
