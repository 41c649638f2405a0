"""tRPC-Go, installed once."""

import pytest
from peers.cache import NotInstalled
from peers.trpc import GO
from required import require


@pytest.fixture(autouse=True, scope="session")
def _installed():
    try:
        GO.prepare()
    except NotInstalled as error:
        require("interop", str(error))
