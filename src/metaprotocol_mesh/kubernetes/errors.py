"""Errors of the API server: what was asked for, what it says, and what to do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    import httpx2

    from metaprotocol_mesh.kubernetes.objects import Json, Resource


class ApiError(MetaProtocolError):
    """A request that the API server refused.

    Args:
        doing: What was asked for: "list metarouters.metaprotocol.aeraki.io".
        status: The server's answer, a Status of Kubernetes.
        hint: What to do about it; "" if the answer says it.
    """

    def __init__(self, doing: str, status: Json, hint: str = "") -> None:
        self.code = int(status.get("code") or 0)
        self.reason = str(status.get("reason") or "")
        self.message = str(status.get("message") or self.reason or f"HTTP status {self.code}")
        details = status.get("details") or {}
        self.causes: list[Json] = details.get("causes") or []
        self.retry_after = float(details.get("retryAfterSeconds") or 0)
        # A 404 that names no object is about its kind.
        self.named = bool(details.get("name"))
        text = f"cannot {doing}: {self.message}"
        super().__init__(f"{text}; {hint}" if hint else text)

    @property
    def owners(self) -> list[str]:
        """The fields that other field managers own, each with its manager: why an apply was refused."""
        conflicts = [one for one in self.causes if one.get("reason") == "FieldManagerConflict"]
        return [f"{one.get('field', '')}: {one.get('message', '')}" for one in conflicts]


class Unreachable(ApiError):
    """An API server that does not answer.

    Args:
        server: Its address.
        reason: Why.
    """

    def __init__(self, server: str, reason: str) -> None:
        text = f"{server} does not answer ({reason})"
        hint = "is it the server that `kubectl cluster-info` names? --kubeconfig and --context choose another"
        super().__init__("reach the API server", {"message": text}, hint)


def error_of(doing: str, answer: httpx2.Response, resource: Resource) -> ApiError:
    """Return the error that an answer is, with what to do about it.

    Args:
        doing: What was asked for.
        answer: Its status is 400 or more, and it has been read.
        resource: The kind of objects that it is about.
    """
    status: Json = {"message": f"HTTP status {answer.status_code}: {answer.text[:200]}"}
    with suppress(ValueError):
        found = answer.json()
        if isinstance(found, dict) and found.get("kind") == "Status":
            status = found
    status["code"] = answer.status_code
    if "retry-after" in answer.headers and answer.headers["retry-after"].isdigit():
        status["details"] = {**(status.get("details") or {}), "retryAfterSeconds": answer.headers["retry-after"]}
    return ApiError(doing, status, _hint(status, resource))


def _hint(status: Json, resource: Resource) -> str:
    if status["code"] == 401:
        return "the credentials are not accepted: does `kubectl auth whoami` work with this kubeconfig?"
    if status["code"] == 403:
        return f"give the account the permission, for example with a ClusterRole for {resource.title}"
    if status["code"] == 404 and not (status.get("details") or {}).get("name"):
        return f"the cluster does not know {resource.title} in {resource.version}: install its CustomResourceDefinition"
    return ""
