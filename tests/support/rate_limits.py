"""A rate limit service, such as Lyft's, that Envoys ask by gRPC."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from grpc_service import serving_grpc
from live_envoy import Envoy
from protobuf_oracle import oracle

Descriptors = tuple[tuple[tuple[str, str], ...], ...]
"""Entries, a key and a value each, of the descriptors of a request."""

_Entry = oracle("RateLimitEntry", {"key": (1, "string"), "value": (2, "string")}, "proto3")
_Descriptor = oracle("RateLimitDescriptor", {"entries": (1, [_Entry])}, "proto3")
_Request = oracle("RateLimitRequest", {"domain": (1, "string"), "descriptors": (2, [_Descriptor])}, "proto3")
# RateLimitResponse.overall_code, the field 1.
_OK, _OVER_LIMIT = b"\x08\x01", b"\x08\x02"


class RateLimits:
    """Counts requests by their descriptors.

    Args:
        limit: Requests that it allows for each descriptor; it never forgets.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.counts: Counter[tuple[str, Descriptors]] = Counter()
        """The number of requests by their domain and descriptors."""

    def decide(self, request: bytes) -> bytes:
        """Return the answer to a request, both as Protocol Buffers."""
        message: Any = _Request.FromString(request)
        entries = tuple(tuple((entry.key, entry.value) for entry in one.entries) for one in message.descriptors)
        with self._lock:
            self.counts[message.domain, entries] += 1
            return _OK if self.counts[message.domain, entries] <= self._limit else _OVER_LIMIT


def serving_limits(start_envoy: Callable[..., Envoy], limits: RateLimits) -> AbstractContextManager[int]:
    """Return the context of the service, which is its port."""
    return serving_grpc(start_envoy, "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", limits.decide)
