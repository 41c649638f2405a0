"""Under mutual TLS: the caller's certificate is what filters and policies see."""

import ssl

import pytest
from live_engine.awesome import CODEC, replying, request
from live_engine.config import bridged, codec_listener, python_filter
from live_engine.peers import Client, serving
from live_envoy.certificates import self_signed
from live_envoy.config import bootstrap, route, typed

pytestmark = pytest.mark.live

PRINCIPAL = "spiffe://cluster.local/ns/default/sa/web"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"), PRINCIPAL)


def tls_context(kind, key, certificate, **fields):
    common = {
        "tls_certificates": [
            {"private_key": {"filename": str(key)}, "certificate_chain": {"filename": str(certificate)}}
        ],
        "validation_context": {"trusted_ca": {"filename": str(certificate)}},
    }
    name = "envoy.transport_sockets.tls"
    return typed(name, f"extensions.transport_sockets.tls.v3.{kind}", common_tls_context=common, **fields)


class TlsClient(Client):
    def __init__(self, port, key, certificate):
        super().__init__(CODEC, port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(certificate)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket)


def test_a_filter_in_python_knows_the_principal(start_envoy, certificates):
    with serving(CODEC, replying()) as server:
        listener = codec_listener("awesomerpc", [route("up")], python_filter("live_engine.filters:Where"))
        (chain,) = listener["filter_chains"]
        context = tls_context("DownstreamTlsContext", *certificates, require_client_certificate=True)
        chain["transport_socket"] = context
        envoy = start_envoy(bootstrap([listener], [bridged("up", server.port)]))
        with TlsClient(envoy.port("in"), *certificates) as client:
            client.call(request(1))
    assert server.received[0].properties["principal"] == PRINCIPAL


def test_rbac_judges_by_the_principal_and_the_bridge_speaks_tls(start_envoy, certificates):
    """Client, TLS, Envoy, TLS, Envoy, server: as between two sidecars."""
    rules = {
        "policies": {
            "web": {
                "permissions": [{"url_path": {"path": {"prefix": "/reviews/"}}}],
                "principals": [{"authenticated": {"principal_name": {"exact": PRINCIPAL}}}],
            }
        }
    }
    rbac = typed("rbac", "extensions.filters.http.rbac.v3.RBAC", rules=rules)
    with serving(CODEC, replying()) as server:
        inbound = codec_listener("awesomerpc", [route("up")], rbac, name="inbound")
        (chain,) = inbound["filter_chains"]
        chain["transport_socket"] = tls_context("DownstreamTlsContext", *certificates, require_client_certificate=True)
        second = start_envoy(bootstrap([inbound], [bridged("up", server.port)]))
        upstream = tls_context("UpstreamTlsContext", *certificates)
        cluster = bridged("mesh", second.port("inbound"), transport_socket=upstream)
        first = start_envoy(bootstrap([codec_listener("awesomerpc", [route("mesh")])], [cluster]))
        with Client(CODEC, first.port("in")) as client:
            assert client.call(request(1)).status_code == 0
            assert client.call(request(2, {"service": "ratings"})).status_code == 7
