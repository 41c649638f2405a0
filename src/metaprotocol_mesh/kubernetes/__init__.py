"""A client of the Kubernetes API server: lists, watches, server-side apply and Leases."""

from metaprotocol_mesh.kubernetes.api import Api
from metaprotocol_mesh.kubernetes.credentials import CredentialsError, connect
from metaprotocol_mesh.kubernetes.errors import ApiError, Unreachable
from metaprotocol_mesh.kubernetes.lease import Lease
from metaprotocol_mesh.kubernetes.objects import Json, Key, Resource, key_of, title
from metaprotocol_mesh.kubernetes.reflector import Backoff, Reflector

__all__ = [
    "Api",
    "ApiError",
    "Backoff",
    "CredentialsError",
    "Json",
    "Key",
    "Lease",
    "Reflector",
    "Resource",
    "Unreachable",
    "connect",
    "key_of",
    "title",
]
