"""A rate limit service, such as Lyft's, that Envoys ask by gRPC."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from live_envoy import Envoy
from live_envoy.config import bootstrap, cluster, http_connection_manager, listener, route, typed
from protobuf_oracle import oracle

Descriptors = tuple[tuple[tuple[str, str], ...], ...]
"""Entries, a key and a value each, of the descriptors of a request."""

_Entry = oracle("RateLimitEntry", {"key": (1, "string"), "value": (2, "string")}, "proto3")
_Descriptor = oracle("RateLimitDescriptor", {"entries": (1, [_Entry])}, "proto3")
_Request = oracle("RateLimitRequest", {"domain": (1, "string"), "descriptors": (2, [_Descriptor])}, "proto3")
# RateLimitResponse.overall_code, the field 1.
_OK, _OVER_LIMIT = b"\x08\x01", b"\x08\x02"
_TYPE = "application/x-protobuf"


class RateLimits:
    """Counts requests by their descriptors.

    Args:
        limit: Requests that it allows for each descriptor; it never forgets.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.counts: Counter[tuple[str, Descriptors]] = Counter()
        """The number of requests by their domain and descriptors."""

    def decide(self, request: bytes) -> bytes:
        """Return the answer to a request, both as Protocol Buffers."""
        message: Any = _Request.FromString(request)
        entries = tuple(tuple((entry.key, entry.value) for entry in one.entries) for one in message.descriptors)
        with self._lock:
            self.counts[message.domain, entries] += 1
            return _OK if self.counts[message.domain, entries] <= self._limit else _OVER_LIMIT


@contextmanager
def serving_limits(start_envoy: Callable[..., Envoy], limits: RateLimits) -> Iterator[int]:
    """Run the service, and yield its port; an Envoy in front of it turns gRPC into HTTP/1.1 with a content-length."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
            answer = limits.decide(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", _TYPE)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            kind = "extensions.filters.http.grpc_http1_reverse_bridge.v3.FilterConfig"
            name = "envoy.filters.http.grpc_http1_reverse_bridge"
            bridge = typed(name, kind, content_type=_TYPE, withhold_grpc_frames=True)
            whole = typed("buffer", "extensions.filters.http.buffer.v3.Buffer", max_request_bytes=65536)
            manager = http_connection_manager([route("limits")], bridge, whole, codec_type="HTTP2")
            config = bootstrap([listener("grpc", manager)], [cluster("limits", server.server_address[1])])
            yield start_envoy(config).port("grpc")
        finally:
            server.shutdown()
            thread.join()
