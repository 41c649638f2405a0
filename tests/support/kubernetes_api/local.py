"""The client of an API server, without HTTP: requests go straight to the storage of a server."""

from kubernetes_api.server import ApiServer
from kubernetes_api.storage import Json, Kind, Refused
from metaprotocol_mesh.kubernetes import ApiError, Resource, key_of


class LocalApi:
    """Has the methods of Api that need no stream.

    Args:
        server: That it asks; it need not run.
        manager: Our name as a field manager.
    """

    namespace = "default"

    def __init__(self, server: ApiServer, manager: str) -> None:
        self._server, self.manager = server, manager
        self.faults: list[Refused] = []
        """The answers to the next requests that write, in place of their effect."""

    async def list(self, resource: Resource, namespace: str = "") -> tuple[list[Json], str]:
        version, found = self._ask("list", resource, lambda storage, kind: storage.list(kind))
        return [one for one in found if namespace in ("", key_of(one)[0])], str(version)

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        return self._ask("get", resource, lambda storage, kind: storage.get(kind, namespace, name))

    async def create(self, resource: Resource, content: Json) -> Json:
        return self._ask("create", resource, lambda storage, kind: storage.create(kind, content, self.manager))

    async def replace(self, resource: Resource, content: Json) -> Json:
        return self._ask("update", resource, lambda storage, kind: storage.replace(kind, content, self.manager))

    async def apply(self, resource: Resource, content: Json, *, force: bool = False) -> Json:
        return self._ask(
            "patch",
            resource,
            lambda storage, kind: storage.apply(kind, *key_of(content), content, self.manager, force=force),
        )

    async def set_status(self, resource: Resource, content: Json, status: Json) -> Json:
        patch = {"metadata": {"resourceVersion": content["metadata"]["resourceVersion"]}, "status": status}
        return self._ask(
            "patch",
            resource,
            lambda storage, kind: storage.merge(kind, *key_of(content), patch, self.manager, sub="status"),
            "/status",
        )

    async def delete(self, resource: Resource, content: Json) -> None:
        wanted = {name: content["metadata"][name] for name in ("uid", "resourceVersion")}
        self._ask("delete", resource, lambda storage, kind: storage.delete(kind, *key_of(content), wanted))

    def _ask(self, verb: str, resource: Resource, request, sub: str = ""):
        try:
            kind: Kind = self._server.kind(resource.version.rpartition("/")[0], resource.plural)
            if (verb, resource.plural + sub) in self._server.forbidden:
                raise Refused(403, "Forbidden", f'{resource.plural}{sub} is forbidden: User "test" cannot {verb}')
            if verb not in ("list", "get") and self.faults:
                raise self.faults.pop()
            return request(self._server.storage, kind)
        except Refused as error:
            raise ApiError(f"{verb} {resource.title}", error.status) from error
