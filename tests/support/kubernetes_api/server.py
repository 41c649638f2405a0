"""The API server over HTTP: paths, verbs, lists in pages, watches and errors, as client-go and kubectl expect them."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import evolve

from kubernetes_api.kinds import guessed
from kubernetes_api.request import Request, forbidden, read
from kubernetes_api.storage import Event, Json, Kind, Refused, Storage

_METADATA_ONLY = "as=PartialObjectMetadata"


class ApiServer:
    """The server, on a port of this machine. Its `with` block is its life.

    Args:
        kinds: Those that it knows; others are answered 404.
        certificate: The files of certificate and key; without them it speaks plain HTTP.
        token: That its clients send; any other is answered 401. "" lets all in: client-go sends none over plain HTTP.
        any_kind: Know every kind that is asked for, as one of the core without a schema.
    """

    def __init__(
        self,
        kinds: Iterable[Kind] = (),
        certificate: tuple[Path, Path] | None = None,
        token: str = "test",
        *,
        any_kind: bool = False,
    ) -> None:
        self.storage = Storage()
        self.token, self._any_kind = token, any_kind
        self._kinds = {(one.group, one.plural): one for one in kinds}
        self.forbidden: set[tuple[str, str]] = set()
        """Verbs and resources that are answered 403."""
        self.faults: list[Callable[[Request], Refused | None]] = []
        """Are asked before each request for an error to answer it with."""
        self.requests: list[Request] = []
        """All that were asked for, in their order."""
        self._certificate = certificate
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.storage.end()
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Its port, once it runs."""
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def kubeconfig(self) -> Json:
        """The kubeconfig of its clients."""
        server = f"{'https' if self._certificate else 'http'}://127.0.0.1:{self.port}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": server}}],
            "users": [{"name": "test", "user": {"token": self.token or "any"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }

    def kind(self, group: str, plural: str) -> Kind:
        """Return a kind.

        Raises:
            Refused: There is none of that name.
        """
        found = self._kinds.get((group, plural))
        if found is None and self._any_kind:
            found = self._kinds[group, plural] = guessed(group, plural)
        if found is None:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        return found

    def forget_kind(self, group: str, plural: str) -> None:
        """Take a kind away, as if its CustomResourceDefinition were not there."""
        del self._kinds[group, plural]

    def put(self, content: Json, plural: str, manager: str = "kubectl-edit") -> Json:
        """Create an object, or replace it whatever its version is.

        Args:
            content: It, with apiVersion, kind and metadata.
            plural: The name of its kind in a path.
            manager: Who does it.
        """
        group = content["apiVersion"].rpartition("/")[0]
        kind, metadata = self.kind(group, plural), content["metadata"]
        try:
            before = self.storage.get(kind, metadata.get("namespace", ""), metadata["name"])
        except Refused:
            return self.storage.create(kind, content, manager)
        metadata = {**metadata, "resourceVersion": before["metadata"]["resourceVersion"]}
        return self.storage.replace(kind, {**content, "metadata": metadata}, manager)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: ApiServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing: clients go."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing."""

    def do_GET(self) -> None:
        self._do("get")

    def do_POST(self) -> None:
        self._do("create")

    def do_PUT(self) -> None:
        self._do("update")

    def do_PATCH(self) -> None:
        self._do("patch")

    def do_DELETE(self) -> None:
        self._do("delete")

    def _do(self, verb: str) -> None:
        api = self.server.api
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if api.token and self.headers.get("authorization") != f"Bearer {api.token}":
                raise Refused(401, "Unauthorized", "Unauthorized")
            path = urlsplit(self.path).path
            if path in _DISCOVERY:
                self._answer(200, _DISCOVERY[path])
                return
            request = read(verb, self.path, api.kind)
            api.requests.append(request)
            self._permit(request)
            if request.verb == "watch":
                with suppress(OSError):  # the client has gone
                    self._watch(request)
                self.close_connection = True
            else:
                self._answer(*self._object(request, body))
        except Refused as error:
            self._answer(error.code, error.status)

    def _permit(self, request: Request) -> None:
        api = self.server.api
        for fault in [*api.faults]:
            refused = fault(request)
            if refused is not None:
                raise refused
        if (request.verb, request.resource) in api.forbidden:
            raise forbidden(request)

    def _object(self, request: Request, body: bytes) -> tuple[int, Json]:
        storage, kind, space, name = self.server.api.storage, request.kind, request.namespace, request.name
        manager = request.query.get("fieldManager", "unknown")
        if request.verb == "list":
            return 200, self._list(request)
        if request.verb == "get":
            return 200, self._shown(request, storage.get(kind, space, name))
        try:
            content = json.loads(body or b"{}")
        except ValueError as error:
            raise Refused(415, "UnsupportedMediaType", "the body is not JSON") from error
        if request.verb == "delete":
            return 200, storage.delete(kind, space, name, content.get("preconditions"))
        if kind.plural in _REVIEWS:
            return 201, {**content, "status": _REVIEWS[kind.plural]}
        named = {"name": name, "namespace": space} if name else {"namespace": space}
        content["metadata"] = {**content.get("metadata", {}), **{key: one for key, one in named.items() if one}}
        if request.verb == "create":
            return 201, self._shown(request, storage.create(kind, content, manager))
        if request.verb == "update":
            return 200, self._shown(request, storage.replace(kind, content, manager, sub=request.sub))
        match self.headers.get("content-type"):
            case "application/apply-patch+yaml":
                if "fieldManager" not in request.query:
                    raise Refused(400, "BadRequest", "PatchOptions: fieldManager: Required value for apply patch")
                force = request.query.get("force") == "true"
                if not storage.has(kind, space, name):
                    self._permit(evolve(request, verb="create"))
                found = storage.apply(kind, space, name, content, manager, force=force)
            case "application/merge-patch+json":
                found = storage.merge(kind, space, name, content, manager, sub=request.sub)
            case other:
                raise Refused(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {other}")
        return 200, self._shown(request, found)

    def _list(self, request: Request) -> Json:
        storage = self.server.api.storage
        version, objects = storage.list(request.kind)
        objects = [one for one in objects if request.takes(one)]
        begin, metadata = 0, {"resourceVersion": str(version)}
        if "continue" in request.query:
            first, _, offset = request.query["continue"].partition(":")
            storage.check_continue(int(first))
            begin = int(offset)
        limit = int(request.query.get("limit") or 0)
        if limit and begin + limit < len(objects):
            metadata["continue"] = f"{version}:{begin + limit}"
            objects = objects[: begin + limit]
        kind, api = self._kind(request)
        items = [self._shown(request, one) for one in objects[begin:]]
        if not request.kind.group:  # built-in kinds leave them out
            items = [{key: value for key, value in one.items() if key not in ("kind", "apiVersion")} for one in items]
        return {"kind": f"{kind}List", "apiVersion": api, "metadata": metadata, "items": items}

    @property
    def _short(self) -> bool:
        return _METADATA_ONLY in (self.headers.get("accept") or "")

    def _kind(self, request: Request) -> tuple[str, str]:
        if self._short:
            return "PartialObjectMetadata", "meta.k8s.io/v1"
        return request.kind.name, request.version

    def _shown(self, request: Request, content: Json) -> Json:
        if self._short:
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": content["metadata"]}
        return {**content, "apiVersion": request.version}

    def _watch(self, request: Request) -> None:
        storage = self.server.api.storage
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        version, objects = storage.list(request.kind)
        if request.query.get("sendInitialEvents") == "true":
            for one in objects:
                if request.takes(one):
                    self._event("ADDED", self._shown(request, one))
            self._bookmark(request, version, {"k8s.io/initial-events-end": "true"})
            since = version
        else:
            since = int(request.query.get("resourceVersion") or version)
        try:
            for one in storage.news(request.kind, since):
                if isinstance(one, Event):
                    if request.takes(one.content):
                        self._event(one.type, self._shown(request, one.content))
                elif one is None:
                    self.wfile.flush()
                elif request.query.get("allowWatchBookmarks") == "true":
                    self._bookmark(request, one, {})
        except Refused as error:
            self._event("ERROR", error.status)
        self.wfile.write(b"0\r\n\r\n")

    def _bookmark(self, request: Request, version: int, annotations: dict[str, str]) -> None:
        kind, api = self._kind(request)
        metadata: Json = {"resourceVersion": str(version)} | ({"annotations": annotations} if annotations else {})
        self._event("BOOKMARK", {"kind": kind, "apiVersion": api, "metadata": metadata})

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


_DISCOVERY: dict[str, Json] = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
}

_USER = {"username": "system:serviceaccount:default:default", "groups": ["system:serviceaccounts"]}
_REVIEWS: dict[str, Json] = {
    "selfsubjectaccessreviews": {"allowed": True},
    "tokenreviews": {"authenticated": True, "user": _USER, "audiences": ["istio-ca"]},
}
