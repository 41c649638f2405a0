"""Shared by all tests: the corpus of recorded traffic, and the profiles of hypothesis."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from recordings import unpack_corpus
from required import require

# No test depends on how fast the machine is. `--hypothesis-profile=deep` tries four times the examples, the same each
# time; `explore` tries many more, others each time.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_REPEATABLE = settings(_UNTIMED, derandomize=True, database=None)
settings.register_profile("metaprotocol", parent=_REPEATABLE, max_examples=25)
settings.register_profile("deep", parent=_REPEATABLE, max_examples=100)
settings.register_profile("explore", parent=_UNTIMED, max_examples=5_000)
settings.load_profile("metaprotocol")


def pytest_configure(config: pytest.Config) -> None:
    # Background jobs of a shell ignore Ctrl-C, and so do their children: commands that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "interop: talks to a real peer, which is installed or started for the test")
    config.addinivalue_line("markers", "live: takes longer with a real Envoy than `make test` can spare")
    config.addinivalue_line("markers", "mutants: holds a wrong codec to every property, not to its own alone")
    config.addinivalue_line("markers", "packaging: builds the distributions, and installs them in a clean environment")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded traffic of real clients and servers: a folder that holds dubbo/, hessian2/ and thrift/."""
    variable = os.environ.get("METAPROTOCOL_CORPUS")
    if not variable:
        require("corpus", "METAPROTOCOL_CORPUS does not say where the recorded traffic is")
    folder = unpack_corpus(Path(variable), tmp_path_factory.mktemp("corpus"))
    if folder is None:
        require("corpus", "the folder that METAPROTOCOL_CORPUS names does not hold the recorded traffic")
    return folder
