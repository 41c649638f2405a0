"""Services that Envoys call by gRPC."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from http_service import serving_http
from live_envoy import Envoy
from live_envoy.config import bootstrap, cluster, http_connection_manager, listener, route, typed

_TYPE = "application/x-protobuf"


@contextmanager
def serving_grpc(start_envoy: Callable[..., Envoy], method: str, answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Run a service, and yield its port; an Envoy in front of it turns gRPC into HTTP/1.1 with a content-length.

    Args:
        start_envoy: Starts that Envoy.
        method: The path of its only method.
        answer: Takes a request and returns the response, both as Protocol Buffers.
    """

    def respond(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        assert path == method
        return 200, {"content-type": _TYPE}, answer(body)

    with serving_http(respond) as port:
        kind = "extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig"
        name = "envoy.filters.http.grpc_http1_reverse_bridge"
        bridge = typed(name, kind, content_type=_TYPE, withhold_grpc_frames=True)
        whole = typed("buffer", "extensions.filters.http.buffer.v3.Buffer", max_request_bytes=65536)
        manager = http_connection_manager([route("service")], bridge, whole, codec_type="HTTP2")
        config = bootstrap([listener("grpc", manager)], [cluster("service", port)])
        yield start_envoy(config).port("grpc")
