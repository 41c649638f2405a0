"""An API server of Kubernetes for tests, for any kinds: objects, watches, server-side apply, Leases."""

from kubernetes_api.request import Request, forbidden
from kubernetes_api.server import ApiServer
from kubernetes_api.storage import Json, Kind, Refused, Storage

__all__ = ["ApiServer", "Json", "Kind", "Refused", "Request", "Storage", "forbidden"]
