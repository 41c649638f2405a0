"""A service that Envoys ask about requests, by ext_authz over HTTP."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Decide = Callable[[str, Mapping[str, str]], tuple[int, dict[str, str]]]


@contextmanager
def deciding(decide: Decide) -> Iterator[int]:
    """Run the service, and yield its port.

    Args:
        decide: Takes the path and the headers that it was asked about; returns a status and headers.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, headers = decide(self.path, self.headers)  # type: ignore[arg-type] - a mapping of texts
            self.send_response(status)
            for name, value in {**headers, "content-length": "0", "connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
