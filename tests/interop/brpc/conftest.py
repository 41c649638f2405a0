"""brpc-java, installed once."""

import pytest
from peers.brpc import JAVA
from peers.cache import NotInstalled
from required import require


@pytest.fixture(autouse=True, scope="session")
def _installed():
    try:
        JAVA.prepare()
    except NotInstalled as error:
        require("interop", str(error))
