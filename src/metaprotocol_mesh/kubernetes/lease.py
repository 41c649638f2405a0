"""Lets one of several instances work: a Lease of coordination.k8s.io, as client-go's leader election uses it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from metaprotocol_mesh.kubernetes.errors import ApiError
from metaprotocol_mesh.kubernetes.objects import Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_mesh.kubernetes.api import Api
    from metaprotocol_mesh.kubernetes.objects import Json

LEASES = Resource("coordination.k8s.io/v1", "leases", "Lease")
DURATION, DEADLINE, RETRY = 15.0, 10.0, 2.0
"""Seconds: after which others take a Lease that is not renewed, after which its holder stops, between two tries."""


class Lease:
    """A Lease that this instance holds, or waits for.

    Clocks of machines differ, so the time in the Lease decides nothing: it is free when nobody has changed it for as
    long as it says, by our clock. Its holder stops earlier, when it could not renew it.

    Args:
        api: The server.
        namespace: Of the Lease.
        name: Its name.
        identity: Ours; no other instance has it.
        changed: Is called with True when we hold it, and with False when we no longer do.
        failed: Is called with each error, and with None when it is over.
        clock: In seconds.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        changed: Callable[[bool], None],
        failed: Callable[[Resource, ApiError | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._namespace, self._name, self._identity = api, namespace, name, identity
        self._changed, self._failed, self._clock = changed, failed, clock
        self._seen: Json | None = None
        self._seen_at = self._ends = clock()
        self._was_held = False
        self.holder = ""

    @property
    def held(self) -> bool:
        """True while we may work."""
        return self._clock() < self._ends

    async def run(self) -> NoReturn:
        """Take the Lease as soon as it is free, and renew it, for ever."""
        while True:
            await self.attempt()
            await asyncio.sleep(RETRY)

    async def attempt(self) -> None:
        """Renew the Lease, or take it if it is free."""
        begin = self._clock()
        try:
            if await asyncio.wait_for(self._take(begin), DEADLINE / 2):
                self._ends = begin + DEADLINE
            else:
                self._ends = begin
            self._failed(LEASES, None)
        except TimeoutError:
            self._failed(LEASES, ApiError(f"renew {LEASES.title}", {"message": "the API server is too slow"}))
        except ApiError as error:
            if error.code == 409:  # another instance was faster
                self._ends = begin
            else:
                self._failed(LEASES, error)
        if self.held != self._was_held:
            self._was_held = self.held
            self._changed(self._was_held)

    async def release(self) -> None:
        """Leave the Lease to the others at once. Without an answer they wait until it ends."""
        if not self.held or self._seen is None:
            return
        self._ends = self._clock()
        freed = {**self._seen, "spec": {**self._seen["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}
        try:
            await asyncio.wait_for(self._api.replace(LEASES, freed), RETRY)
        except (ApiError, TimeoutError) as error:
            if isinstance(error, ApiError):
                self._failed(LEASES, error)

    async def _take(self, now: float) -> bool:
        """Return True if the Lease is ours; it is written then."""
        try:
            found = await self._api.get(LEASES, self._namespace, self._name)
        except ApiError as error:
            if error.code != 404 or not error.named:
                raise
            metadata = {"name": self._name, "namespace": self._namespace}
            new = {"apiVersion": LEASES.version, "kind": LEASES.kind, "metadata": metadata, "spec": self._spec({})}
            self._see(await self._api.create(LEASES, new), now)
            return True
        spec = found.get("spec") or {}
        self.holder = spec.get("holderIdentity") or ""
        if self._seen is None or found["metadata"]["resourceVersion"] != self._seen["metadata"]["resourceVersion"]:
            self._see(found, now)
        lasts = float(spec.get("leaseDurationSeconds") or DURATION)
        if self.holder not in ("", self._identity) and now < self._seen_at + lasts:
            return False
        self._see(await self._api.replace(LEASES, {**found, "spec": {**spec, **self._spec(spec)}}), now)
        return True

    def _see(self, content: Json, now: float) -> None:
        self._seen, self._seen_at = content, now
        self.holder = (content.get("spec") or {}).get("holderIdentity") or ""

    def _spec(self, before: Json) -> Json:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION),
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if ours or not before else 1),
        }
