"""The same traffic through a proxy with all of governance: `make soak ARGS="--governed"`."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define
from http_service import serving_http
from live_engine.peers import Client

from benchmarks.soak.protocol import CODEC, DEEDS, REQUEST, Deed, message
from metaprotocol_codecs.awesomerpc.codec import STATUSES
from metaprotocol_mesh.load import load_text
from metaprotocol_mesh.render import render
from metaprotocol_mesh.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from live_envoy.config import Config

HOST = "soak.default.svc.cluster.local"

GOVERNED = {
    **DEEDS,
    "mirrored": Deed(STATUSES["ok"], 10, {}),
    "delayed": Deed(STATUSES["ok"], 4, {}),
    "aborted": Deed(STATUSES["over_limit"], 4, {}),
    "limited": Deed(STATUSES["over_limit"], 4, {}),
    "denied": Deed(STATUSES["unauthorized"], 4, {}),
    "asked": Deed(STATUSES["ok"], 10, {}),
    "refused": Deed(STATUSES["unauthorized"], 4, {}),
}
"""What requests ask for, by name. Log, metrics, traces, the Lua filter and the limit apply to all of them."""

_FILES = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: soak, namespace: default}
spec:
  hosts: [HOST]
  resolution: STATIC
  ports: [{number: 9080, name: http-awesomerpc, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http-awesomerpc: SERVER}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: decider, namespace: default}
spec:
  hosts: [decider.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: DECIDER}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector, namespace: default}
spec:
  hosts: [collector.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 4318, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1, ports: {http: COLLECTOR}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: soak, namespace: default}
spec:
  host: HOST
  trafficPolicy:
    loadBalancer: {consistentHash: {httpHeaderName: key}}
    connectionPool: {tcp: {maxConnections: 4096, idleTimeout: 5s}}
    # It counts failures, and ejects nobody: the one server stays.
    outlierDetection: {consecutive5xxErrors: 3, interval: 1s, maxEjectionPercent: 0}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: default}
spec:
  servers:
  - {port: {number: 19080, name: http-awesomerpc, protocol: HTTP}, bind: 127.0.0.1, hosts: [HOST]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: soak, namespace: default}
spec:
  hosts: [HOST]
  gateways: [door]
  http:
  - name: change
    match: [{headers: {do: {exact: change}}}]
    headers: {request: {set: {tint: blue}}, response: {set: {shade: dark}}}
    route: [{destination: {host: HOST}}]
  - name: retry
    match: [{headers: {do: {exact: retry}}}]
    retries: {attempts: 3, retryOn: "5xx,reset"}
    route: [{destination: {host: HOST}}]
  - name: late
    match: [{headers: {do: {exact: late}}}]
    timeout: 0.3s
    retries: {attempts: 0}
    route: [{destination: {host: HOST}}]
  - name: mirrored
    match: [{headers: {do: {exact: mirrored}}}]
    mirror: {host: HOST}
    mirrorPercentage: {value: 50}
    route: [{destination: {host: HOST}}]
  - name: delayed
    match: [{headers: {do: {exact: delayed}}}]
    fault: {delay: {fixedDelay: 0.02s, percentage: {value: 50}}}
    route: [{destination: {host: HOST}}]
  - name: aborted
    match: [{headers: {do: {exact: aborted}}}]
    fault: {abort: {httpStatus: 429, percentage: {value: 100}}}
    route: [{destination: {host: HOST}}]
  - name: others
    match: [{headers: {do: {regex: "echo|reset|half|garbage|limited|denied|asked|refused"}}}]
    timeout: 60s
    retries: {attempts: 0}
    route: [{destination: {host: HOST}}]
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: soak, namespace: default}
spec:
  hosts: [HOST]
  gateways: [door]
  localRateLimit:
    tokenBucket: {maxTokens: 1000000, tokensPerFill: 1000000, fillInterval: 1s}
    conditions:
    - match: {attributes: {do: {exact: limited}}}
      tokenBucket: {maxTokens: 1, tokensPerFill: 1, fillInterval: 86400s}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: default}
spec:
  action: DENY
  rules: [{when: [{key: 'request.headers[do]', values: [denied]}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: default}
spec:
  action: CUSTOM
  provider: {name: decider}
  rules: [{when: [{key: 'request.headers[do]', values: [asked, refused]}]}]
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec:
  meshConfig:
    extensionProviders:
    - name: decider
      envoyExtAuthzHttp:
        service: decider.default.svc.cluster.local
        port: 8000
        timeout: 60s
        includeRequestHeadersInCheck: [do]
    - name: log
      envoyFileAccessLog:
        path: FOLDER/calls.json
        logFormat: {labels: {operation: '%REQ(:PATH)%', route: '%ROUTE_NAME%', flags: '%RESPONSE_FLAGS%'}}
    - name: collector
      opentelemetry: {service: collector.default.svc.cluster.local, port: 4318, http: {path: /v1/traces, timeout: 3s}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: everything, namespace: default}
spec:
  accessLogging: [{providers: [{name: log}]}]
  metrics: [{providers: [{name: prometheus}]}]
  tracing: [{providers: [{name: collector}], randomSamplingPercentage: 100}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: lua, namespace: default}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      listener:
        filterChain:
          filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          default_source_code:
            inline_string: |
              function envoy_on_request(handle)
                handle:headers():replace("seen", "lua")
              end
"""


@define
class Services:
    """Counts of what the proxy has sent to the two services beside it.

    Args:
        asked: Requests that the decider was asked about.
        spans: Reports that the collector of traces got.
    """

    asked: int = 0
    spans: int = 0


@contextmanager
def governed(port: int, folder: Path) -> Iterator[tuple[Config, Services]]:
    """Run the services that the proxy needs, and yield its configuration.

    Args:
        port: The server's.
        folder: For the access log.
    """
    seen, lock = Services(), threading.Lock()

    def decide(_: str, headers: Mapping[str, str], __: bytes) -> tuple[int, dict[str, str], bytes]:
        with lock:
            seen.asked += 1
        return (403 if headers["do"] == "refused" else 200), {}, b""

    def collect(*_: object) -> tuple[int, dict[str, str], bytes]:
        with lock:
            seen.spans += 1
        return 200, {}, b""

    with serving_http(decide) as decider, serving_http(collect) as collector:
        text = _FILES
        for word, value in (
            ("HOST", HOST),
            ("SERVER", port),
            ("DECIDER", decider),
            ("COLLECTOR", collector),
            ("FOLDER", folder),
        ):
            text = text.replace(word, str(value))
        rendered = render(resolve(load_text(text, "soak.yaml")))
        yield listening_anywhere(rendered.bootstrap()), seen


def listening_anywhere(bootstrap: Config) -> Config:
    """Let the listener take a port that the kernel chooses, under the name of the other soak's."""
    (listener,) = bootstrap["static_resources"]["listeners"]
    listener["name"] = "in"
    listener["address"]["socket_address"]["port_value"] = 0
    return bootstrap


def use_up_the_limit(port: int) -> None:
    """Take the one token of `limited`, so that all later calls are over the limit."""
    with Client(CODEC, port) as client:
        client.call(message(REQUEST, 1, {"do": "limited", "key": "first"}))
