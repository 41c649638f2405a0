"""The API server of a cluster without nodes: it keeps objects, lists them, and tells of changes.

It has what istiod asks for. There is no schema, no defaulting and no admission; all authorization is granted.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from attrs import field, frozen

Json = dict[str, Any]

_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)
_METADATA_ONLY = "as=PartialObjectMetadata"
_QUIET = 0.2  # seconds after which a watch looks whether the server has ended


@frozen
class _Request:
    """The object, or the objects, that a path names."""

    version: str
    resource: str
    namespace: str
    name: str
    sub: str
    query: dict[str, str]

    @classmethod
    def of(cls, target: str) -> Self | None:
        parts = urlsplit(target)
        found = _PATH.fullmatch(parts.path)
        if found is None:
            return None
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        version = found["core"] or found["group"]
        return cls(version, found["resource"], found["namespace"] or "", found["name"] or "", found["sub"] or "", query)

    def takes(self, key: "_Key", content: Json) -> bool:
        """Return True if an object is among those that are asked for."""
        wanted = re.search(r"metadata\.name=([^,]+)", self.query.get("fieldSelector", ""))
        labels = content["metadata"].get("labels") or {}
        return (
            (key.version, key.resource) == (self.version, self.resource)
            and self.namespace in ("", key.namespace)
            and (wanted is None or wanted[1] == key.name)
            and all(_selected(one, labels) for one in self.query.get("labelSelector", "").split(",") if one)
        )


def _selected(requirement: str, labels: dict[str, str]) -> bool:
    """Return True if labels meet one requirement of a selector: `a=b`, `a!=b`, `a` or `!a`."""
    name, equals, value = requirement.partition("=")
    if equals:
        negated = name.endswith("!")
        return (labels.get(name.rstrip("!")) == value.lstrip("=")) != negated
    return (name.lstrip("!") in labels) != name.startswith("!")


@frozen
class _Key:
    version: str
    resource: str
    namespace: str
    name: str


@frozen
class _Event:
    number: int
    kind: str
    key: _Key
    content: Json = field(eq=False)


class Cluster:
    """The server, on a port of this machine. Its `with` block is its life."""

    def __init__(self) -> None:
        self._objects: dict[_Key, Json] = {}
        self._events: list[_Event] = []
        self._version = 1
        self._changed = threading.Condition()
        self._ended = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.cluster = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        for name in ("default", "istio-system", "kube-system"):
            labels = {"kubernetes.io/metadata.name": name}
            self.apply("v1", "namespaces", {"kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        self._server.shutdown()
        self._server.server_close()

    @property
    def kubeconfig(self) -> Json:
        """The kubeconfig of its clients."""
        server = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": server}}],
            "users": [{"name": "test", "user": {"token": "test"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }

    def apply(self, version: str, resource: str, content: Json) -> Json:
        """Keep an object, and tell those who watch.

        Args:
            version: Its API: "v1", "networking.istio.io/v1".
            resource: "services".
            content: It, with kind and metadata.
        """
        metadata = content["metadata"]
        key = _Key(version, resource, metadata.get("namespace", ""), metadata["name"])
        with self._changed:
            self._version += 1
            kept = {
                **content,
                "apiVersion": version,
                "metadata": {"uid": f"{key.resource}-{key.name}", **metadata, "resourceVersion": str(self._version)},
            }
            self._events.append(_Event(self._version, "MODIFIED" if key in self._objects else "ADDED", key, kept))
            self._objects[key] = kept
            self._changed.notify_all()
        return kept

    def found(self, request: _Request) -> tuple[int, list[Json]]:
        """Return the version of all, and the objects that are asked for."""
        with self._changed:
            return self._version, [one for key, one in self._objects.items() if request.takes(key, one)]

    def one(self, request: _Request) -> Json | None:
        """Return the object that is asked for."""
        with self._changed:
            return self._objects.get(_Key(request.version, request.resource, request.namespace, request.name))

    def news(self, request: _Request, since: int) -> Iterator[_Event | None]:
        """Yield what happens after a version, for ever; None if nothing does for a while."""
        while not self._ended:
            with self._changed:
                if self._version <= since:
                    self._changed.wait(_QUIET)
                found = [one for one in self._events if one.number > since and request.takes(one.key, one.content)]
                since = max(since, self._version)
            yield from found
            if not found:
                yield None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    cluster: Cluster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing."""

    def do_GET(self) -> None:
        request = _Request.of(self.path)
        if request is None:
            self._answer(*_DISCOVERY.get(urlsplit(self.path).path, (404, _status(404, "NotFound"))))
        elif request.name:
            found = self.server.cluster.one(request)
            self._answer(*((200, found) if found is not None else (404, _status(404, "NotFound", request))))
        elif request.query.get("watch") in ("true", "1"):
            with suppress(OSError):  # the client has gone
                self._watch(request)
        else:
            version, objects = self.server.cluster.found(request)
            items = [self._shown(one) for one in objects]
            kind, api = self._kind(request)
            metadata = {"resourceVersion": str(version)}
            self._answer(200, {"kind": f"{kind}List", "apiVersion": api, "metadata": metadata, "items": items})

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        request = _Request.of(self.path)
        try:
            content = json.loads(body or b"{}")
        except ValueError:
            self._answer(415, _status(415, "UnsupportedMediaType"))
            return
        if request is None:
            self._answer(404, _status(404, "NotFound"))
        elif request.resource in ("selfsubjectaccessreviews", "tokenreviews"):
            user = {"username": "system:serviceaccount:default:default", "groups": ["system:serviceaccounts"]}
            granted = {"allowed": True, "authenticated": True, "user": user, "audiences": ["istio-ca"]}
            self._answer(201, {**content, "status": granted})
        else:
            metadata = {"name": request.name, "namespace": request.namespace, **content.get("metadata", {})}
            kept = {**content, "metadata": metadata}
            self._answer(201, self.server.cluster.apply(request.version, request.resource, kept))

    do_PUT = do_POST  # noqa: N815

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self._answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    do_DELETE = do_PATCH  # noqa: N815

    @property
    def _short(self) -> bool:
        return _METADATA_ONLY in (self.headers.get("accept") or "")

    def _kind(self, request: _Request) -> tuple[str, str]:
        if self._short:
            return "PartialObjectMetadata", "meta.k8s.io/v1"
        return _KINDS.get(request.resource) or request.resource[:-1].capitalize(), request.version

    def _shown(self, content: Json) -> Json:
        if not self._short:
            return content
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": content["metadata"]}

    def _watch(self, request: _Request) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        since, objects = self.server.cluster.found(request)
        if request.query.get("sendInitialEvents") == "true":
            for one in objects:
                self._event("ADDED", self._shown(one))
            ends = {"resourceVersion": str(since), "annotations": {"k8s.io/initial-events-end": "true"}}
            kind, api = self._kind(request)
            self._event("BOOKMARK", {"kind": kind, "apiVersion": api, "metadata": ends})
        else:
            since = int(request.query.get("resourceVersion") or since)
        for one in self.server.cluster.news(request, since):
            if one is None:
                self.connection.send(b"")
            else:
                self._event(one.kind, self._shown(one.content))

    def _event(self, kind: str, content: Json) -> None:
        line = json.dumps({"type": kind, "object": content}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def _answer(self, status: int, content: Json) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_DISCOVERY: dict[str, tuple[int, Json]] = {
    "/version": (200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}),
    "/api": (200, {"kind": "APIVersions", "versions": ["v1"]}),
    "/apis": (200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
}

_KINDS = {
    "endpointslices": "EndpointSlice",
    "configmaps": "ConfigMap",
    "ingresses": "Ingress",
    "ingressclasses": "IngressClass",
    "customresourcedefinitions": "CustomResourceDefinition",
    "serviceaccounts": "ServiceAccount",
    "networkpolicies": "NetworkPolicy",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}


def _status(code: int, reason: str, request: _Request | None = None) -> Json:
    found: Json = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    if request is not None:
        found["message"] = f'{request.resource} "{request.name}" not found'
        found["details"] = {"name": request.name, "kind": request.resource}
    return found
