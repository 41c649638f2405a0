"""A codec that shows what can be imported in the interpreter inside Envoy."""

import ssl
import sys

import msgpack
from attrs import evolve
from msgpack import _cmsgpack

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Error, Metadata


def client_hello_size() -> int:
    """Begin a TLS handshake, with OpenSSL beside Envoy's BoringSSL; return the bytes of its first step."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="example.org")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.pending
    raise AssertionError("a handshake without a peer")


class ImportingCodec(AwesomeRpcCodec):
    """AwesomeRPC, whose error replies tell the interpreter's version, of TLS, and of a compiled package."""

    name = "importing"

    def on_error(self, request: Metadata, error: Error) -> bytes:
        packed = _cmsgpack.Packer().pack({"compiled": True})
        compiled = msgpack.unpackb(packed)["compiled"]
        text = f"{sys.version.split()[0]} tls={client_hello_size() > 100} compiled={compiled}"
        return super().on_error(request, evolve(error, message=text))
