"""A service that is asked by POST, over HTTP/1.1."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]
"""Takes path, headers and body of a request; returns status, headers and body of the response."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that Envoy has reset: it no longer wants the answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving_http(answer: Answer, port: int = 0, host: str = "127.0.0.1") -> Iterator[int]:
    """Run a service, and yield its port.

    Args:
        answer: Answers each request.
        port: To listen on; 0 is one that the kernel chooses.
        host: To listen at.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._chunks() if self.headers.get("transfer-encoding") else self._rest()
            status, headers, response = answer(self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(response))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response)

        def _rest(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _chunks(self) -> bytes:
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def log_message(self, *_: object) -> None:
            pass

    with _Server((host, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
