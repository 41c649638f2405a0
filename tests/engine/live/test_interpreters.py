"""One module runs with every CPython that is here, and each of them works inside Envoy as it does outside."""

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import bridged, codec_listener
from live_engine.interpreters import MINORS, interpreters
from live_engine.peers import Client, serving
from live_envoy.config import bootstrap, route
from peers.cache import NotInstalled
from required import require

pytestmark = pytest.mark.live


def test_two_minors_at_least_are_tried():
    minors = sorted({interpreter.version.rpartition(".")[0] for interpreter in interpreters()})
    if len(minors) < 2:
        require("pythons", f"of CPython 3.11 to 3.14 there is only {', '.join(minors)} here")


@pytest.mark.parametrize("minor", MINORS)
def test_calls_tls_and_compiled_packages_work(minor, start_envoy):
    found = [interpreter for interpreter in interpreters() if interpreter.version.startswith(f"{minor}.")]
    if not found:
        pytest.skip(f"there is no CPython {minor} here")
    missing = ""
    for interpreter in found:
        try:
            config = interpreter.filter_config("live_engine.importing:ImportingCodec")
        except NotInstalled as error:
            missing = str(error)
            continue
        with serving(CODEC, replying(b"v1")) as server:
            listener = codec_listener("awesomerpc", [route("v1", headers={"user": "jason"})])
            listener["filter_chains"][0]["filters"][0]["typed_config"]["filter_config"]["value"] = config
            envoy = start_envoy(bootstrap([listener], [bridged("v1", server.port)]))
            with Client(CODEC, envoy.port("in")) as client:
                for number in range(20):
                    assert body(client.call(request(number, {"User": "jason"}))) == b"v1"
                refused = client.call(request(20, {"User": "mary"}))
                assert body(refused).decode() == f"{interpreter.version} tls=True compiled=True"
    if missing:
        require("libpython", missing)
