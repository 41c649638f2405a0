"""Two servers of AwesomeRPC, whose answers tell which one it was."""

from collections.abc import Iterator

import pytest

from live_engine.awesome import CODEC, replying
from live_engine.peers import Server, serving


@pytest.fixture
def v1() -> Iterator[Server]:
    """A server that answers "v1"."""
    with serving(CODEC, replying(b"v1")) as server:
        yield server


@pytest.fixture
def v2() -> Iterator[Server]:
    """A server that answers "v2"."""
    with serving(CODEC, replying(b"v2")) as server:
        yield server
