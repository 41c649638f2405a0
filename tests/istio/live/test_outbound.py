"""A proxy of Istio's calls servers of the protocol, as istiod and our EnvoyFilters tell it."""

from collections.abc import Callable, Iterator

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, Server, serving
from live_envoy import Envoy
from live_istio import ControlPlane
from live_istio.sidecar import sidecar
from mesh_files import LISTENER, ROUTES, SERVICE, documents
from mesh_running import free_port
from patience import eventually

from metaprotocol_mesh.istio.filters import Options, envoy_filters
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render.engine import Engine

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with serving(CODEC, replying(b"v1")) as first, serving(CODEC, replying(b"v2")) as second:
        yield first, second


@pytest.fixture(scope="module")
def port(istiod: ControlPlane, servers: tuple[Server, Server]) -> int:
    """The port of the listener that a Sidecar makes, with all filters."""
    built_module()
    first, second = servers
    port = free_port()
    services = SERVICE.replace("21101", str(first.port)).replace("21102", str(second.port)).replace("9080", str(port))
    listener = LISTENER.replace("19080", str(port)).replace("./reviews.default.svc.cluster.local", "./*")
    found = envoy_filters(load_text(documents(services, listener)), Engine.installed(), Options())
    istiod.write("10-services", documents(services, listener))
    istiod.write("20-filters", as_yaml(*found))
    istiod.write("30-routes", ROUTES)
    return port


@pytest.fixture(scope="module")
def proxy(istiod: ControlPlane, port: int, start_shared_envoy: Callable[..., Envoy]) -> Envoy:
    return start_shared_envoy(sidecar("here", "127.0.0.2", istiod.port))


def answers(port: int, **properties: str) -> bytes:
    """Return the answer to a request; b"" if there is none yet."""
    try:
        with Client(CODEC, port) as client:
            return body(client.call(request(1, {"service": "reviews", **properties})))
    except (OSError, EOFError):
        return b""


def test_a_property_chooses_the_version(proxy: Envoy, port: int) -> None:
    eventually(lambda: answers(port, user="jason") == b"v2")
    assert answers(port, user="mary") == b"v1"
