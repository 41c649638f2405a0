"""A service that Envoys ask about requests, by ext_authz."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from grpc_service import serving_grpc
from http_service import serving_http
from live_envoy import Envoy
from protobuf_oracle import oracle

Decide = Callable[[str, Mapping[str, str]], tuple[int, dict[str, str]]]

_Http = oracle("AuthzHttp", {"headers": (3, "map<string, string>"), "path": (4, "string")}, "proto3")
_Attributes = oracle(
    "AuthzAttributes", {"request": (4, oracle("AuthzRequest", {"http": (2, _Http)}, "proto3"))}, "proto3"
)
_Check = oracle("CheckRequest", {"attributes": (1, _Attributes)}, "proto3")
_Header = oracle("AuthzHeader", {"key": (1, "string"), "value": (2, "string")}, "proto3")
_Option = oracle("AuthzHeaderOption", {"header": (1, _Header)}, "proto3")
_Ok = oracle("AuthzOk", {"headers": (2, [_Option])}, "proto3")
_Status = oracle("AuthzStatus", {"code": (1, "int32")}, "proto3")
_Answer = oracle("CheckResponse", {"status": (1, _Status), "ok_response": (3, _Ok)}, "proto3")
_PERMISSION_DENIED = 7


def deciding(decide: Decide) -> AbstractContextManager[int]:
    """Return the context of the service, which is its port.

    Args:
        decide: Takes the path and the headers that it was asked about; returns a status and headers.
    """

    def answer(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        status, more = decide(path, headers)
        return status, {**more, "connection": "close"}, b""

    return serving_http(answer)


def deciding_by_grpc(start_envoy: Callable[..., Envoy], decide: Decide) -> AbstractContextManager[int]:
    """Return the context of the service as one of gRPC, which is its port."""

    def check(request: bytes) -> bytes:
        asked: Any = _Check.FromString(request)  # type: ignore[attr-defined] - of a message
        status, headers = decide(asked.attributes.request.http.path, asked.attributes.request.http.headers)
        answer: Any = _Answer()
        answer.status.code = 0 if status == 200 else _PERMISSION_DENIED
        if status == 200:
            answer.ok_response.headers.extend(_Option(header=_Header(key=k, value=v)) for k, v in headers.items())
        encoded: bytes = answer.SerializeToString()
        return encoded

    return serving_grpc(start_envoy, "/envoy.service.auth.v3.Authorization/Check", check)
