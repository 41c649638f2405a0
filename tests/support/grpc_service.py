"""Services that Envoys call by gRPC."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == method
            response = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", _TYPE)
            self.send_header("content-length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

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
            manager = http_connection_manager([route("service")], bridge, whole, codec_type="HTTP2")
            config = bootstrap([listener("grpc", manager)], [cluster("service", server.server_address[1])])
            yield start_envoy(config).port("grpc")
        finally:
            server.shutdown()
            thread.join()
