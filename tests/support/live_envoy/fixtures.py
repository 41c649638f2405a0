"""Real Envoys of both releases: a test that fails shows the end of their logs, and fails if an Envoy dies."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from required import require

from live_envoy import RELEASES, Envoy, NotAvailable, Release

Start = Callable[..., Envoy]

# `make test` has time for the newest release, `make live` runs the same tests with the others.
_OLDER = [pytest.param(release, marks=pytest.mark.live) for release in RELEASES[:-1]]


@pytest.fixture(scope="session", params=[*_OLDER, RELEASES[-1]], ids=lambda release: f"envoy-{release}")
def release(request: pytest.FixtureRequest) -> Release:
    """Both releases of Envoy; the test is skipped where there is none."""
    try:
        request.param.binary()
    except NotAvailable as error:
        require("envoy", str(error))
    return request.param


@pytest.fixture(scope="session")
def _running() -> list[Envoy]:
    """The Envoys that run, or have run for the test that runs."""
    return []


@pytest.fixture(autouse=True)
def _watched(_running: list[Envoy]) -> Iterator[None]:
    """Print what each Envoy has logged during a test, which pytest shows if it fails; fail it if one has died."""
    begin = {id(envoy): len(envoy.log) for envoy in _running}
    yield
    for envoy in _running:
        print(envoy.tail(begin.get(id(envoy), 0)))  # noqa: T201
    for envoy in list(_running):
        envoy.check()


@pytest.fixture(scope="session")
def _starting(_running: list[Envoy]) -> Callable[[ExitStack, Release], Start]:
    def starting(stack: ExitStack, release: Release) -> Start:
        def start(config: Mapping[str, Any], **options: Any) -> Envoy:
            envoy = Envoy(release, config, **options)
            stack.callback(_running.remove, envoy)
            _running.append(envoy)
            stack.enter_context(envoy)
            stack.callback(lambda: print(envoy.tail()))  # noqa: T201
            return envoy

        return start

    return starting


@pytest.fixture
def start_envoy(release: Release, _starting: Callable[[ExitStack, Release], Start]) -> Iterator[Start]:
    """Start an Envoy of a configuration, with the options of `Envoy`; it ends with the test."""
    with ExitStack() as stack:
        yield _starting(stack, release)


@pytest.fixture(scope="module")
def start_shared_envoy(release: Release, _starting: Callable[[ExitStack, Release], Start]) -> Iterator[Start]:
    """Start an Envoy of a configuration that ends with the module."""
    with ExitStack() as stack:
        yield _starting(stack, release)
