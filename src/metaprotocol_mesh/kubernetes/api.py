"""Requests to the Kubernetes API server."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from lightkube.core.exceptions import ConfigError

from metaprotocol_mesh.kubernetes.errors import ApiError, Unreachable, error_of
from metaprotocol_mesh.kubernetes.objects import key_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from metaprotocol_mesh.kubernetes.objects import Json, Resource

_PAGE = 500
"""Objects of one answer to a list, as of kubectl."""
_JSON = "application/json"


class Api:
    """The API server.

    Args:
        client: With its address and our credentials.
        manager: Our name as a field manager.
        namespace: Of the credentials.
    """

    def __init__(self, client: httpx2.AsyncClient, manager: str, namespace: str = "default") -> None:
        self._client, self.manager, self.namespace = client, manager, namespace
        self._server = str(client.base_url).rstrip("/")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def list(self, resource: Resource, namespace: str = "") -> tuple[list[Json], str]:
        """Return all objects of a kind, and the version to watch from.

        Args:
            resource: The kind.
            namespace: Theirs; "" for those of all.

        Raises:
            ApiError: The server refuses, or does not answer.
        """
        items: list[Json] = []
        query = {"limit": str(_PAGE)}
        while True:
            page = await self._send("list", resource, "GET", resource.path(namespace), query)
            items += (_kept(resource, one) for one in page.get("items") or ())
            metadata = page.get("metadata") or {}
            following = metadata.get("continue")
            if not following:
                return items, metadata.get("resourceVersion", "")
            query["continue"] = following

    async def watch(
        self, resource: Resource, version: str, namespace: str = "", seconds: int = 300
    ) -> AsyncGenerator[tuple[str, Json]]:
        """Yield what happens after a version: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

        The first is OPEN, without an object: the server has accepted the watch.

        Args:
            resource: The kind.
            version: As `list` returned it, or of the object that was seen last.
            namespace: As of `list`.
            seconds: After them the server ends the watch.

        Raises:
            ApiError: The server refuses or does not answer; the code is 410 if it no longer knows the version.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        query |= {"resourceVersion": version} if version else {}
        # The server ends the watch: if it does not, nobody is at the other end of the connection.
        timeout = httpx2.Timeout(10, read=seconds + 30)
        doing = f"watch {resource.title}"
        async with self._reached():
            target = resource.path(namespace)
            async with self._client.stream("GET", target, params=query, timeout=timeout) as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                    raise error_of(doing, answer, resource)
                yield "OPEN", {}
                async for line in answer.aiter_lines():
                    event = self._json(line)
                    if event["type"] == "ERROR":
                        raise ApiError(doing, event["object"])
                    yield event["type"], _kept(resource, event["object"])

    async def apply(self, resource: Resource, content: Json, *, force: bool = False) -> Json:
        """Apply an object on the server, which keeps what other field managers own.

        Args:
            resource: Its kind.
            content: The fields that are ours. With a resourceVersion it must not have changed since.
            force: Take fields that other managers own.

        Raises:
            ApiError: As of `list`; the code is 409 if it has changed, or if another manager owns a field.
        """
        namespace, name = key_of(content)
        query = {"fieldManager": self.manager, "fieldValidation": "Strict"} | ({"force": "true"} if force else {})
        target = resource.path(namespace, name)
        found = await self._send("patch", resource, "PATCH", target, query, content, "application/apply-patch+yaml")
        return _kept(resource, found)

    async def set_status(self, resource: Resource, content: Json, status: Json) -> Json:
        """Merge into the status of an object, if it has not changed since.

        Args:
            resource: Its kind.
            content: The object.
            status: What to change.

        Raises:
            ApiError: As of `list`; the code is 409 if it has changed, and 404 if it has no status.
        """
        namespace, name = key_of(content)
        patch = {"metadata": {"resourceVersion": content["metadata"]["resourceVersion"]}, "status": status}
        target, query = resource.path(namespace, name, "status"), {"fieldManager": self.manager}
        kind = "application/merge-patch+json"
        return _kept(resource, await self._send("patch status of", resource, "PATCH", target, query, patch, kind))

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return an object.

        Raises:
            ApiError: As of `list`; the code is 404 if there is none.
        """
        return await self._send("get", resource, "GET", resource.path(namespace, name))

    async def create(self, resource: Resource, content: Json) -> Json:
        """Create an object.

        Raises:
            ApiError: As of `list`; the code is 409 if there is one.
        """
        target, query = resource.path(key_of(content)[0]), {"fieldManager": self.manager}
        return await self._send("create", resource, "POST", target, query, content)

    async def replace(self, resource: Resource, content: Json) -> Json:
        """Replace an object that has not changed since.

        Raises:
            ApiError: As of `list`; the code is 409 if it has.
        """
        target, query = resource.path(*key_of(content)), {"fieldManager": self.manager}
        return await self._send("update", resource, "PUT", target, query, content)

    async def delete(self, resource: Resource, content: Json) -> None:
        """Delete an object, if it has not changed since; it may be gone.

        Raises:
            ApiError: As of `list`; the code is 409 if it has changed.
        """
        metadata = content["metadata"]
        preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            await self._send("delete", resource, "DELETE", resource.path(*key_of(content)), body=body)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _send(
        self,
        verb: str,
        resource: Resource,
        method: str,
        target: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        kind: str = _JSON,
    ) -> Json:
        content = None if body is None else json.dumps(body).encode()
        headers = {"accept": _JSON} | ({} if body is None else {"content-type": kind})
        async with self._reached():
            answer = await self._client.request(method, target, params=query, content=content, headers=headers)
            if answer.status_code >= 400:
                raise error_of(f"{verb} {resource.title}", answer, resource)
            return self._json(answer.content)

    def _json(self, data: str | bytes) -> Json:
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(self._server, "what answers there is not the Kubernetes API")
        return found

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        """Tell what is wrong with the connection, the credentials or the answer."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise Unreachable(self._server, str(error) or type(error).__name__) from error
        except (ConfigError, OSError, ValueError, LookupError, TypeError) as error:
            # A kubeconfig may name a program that fetches credentials, and lightkube lets through what it does wrong.
            status = {"message": f"{type(error).__name__}: {str(error).strip()}"}
            raise ApiError("fetch the credentials", status, "does `kubectl auth whoami` work with them?") from error


def _kept(resource: Resource, content: Json) -> Json:
    """Return an object with its kind, which lists leave out, and without what takes most of its memory."""
    content = {"apiVersion": resource.version, "kind": resource.kind, **content}
    content["metadata"] = {name: one for name, one in content["metadata"].items() if name != "managedFields"}
    return content
