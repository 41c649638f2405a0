"""Keeps a cluster in step with its MetaRouters for as long as it runs, or once."""

from __future__ import annotations

import asyncio
import socket
import uuid
from typing import TYPE_CHECKING

from attrs import field, frozen

from metaprotocol_mesh.istio.controller import Controller, NotHeld
from metaprotocol_mesh.istio.metarouters import READ, WRITTEN, Planner
from metaprotocol_mesh.kubernetes import Api, ApiError, Backoff, Lease, Reflector, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TOGETHER = 0.05
"""Seconds in which changes are taken together: `kubectl apply` of a folder brings one after the other."""
_TRIES = 5


class ClusterError(Exception):
    """The cluster cannot be read.

    Args:
        errors: Why, one for each kind.
    """

    def __init__(self, errors: Sequence[ApiError]) -> None:
        super().__init__("\n".join(dict.fromkeys(map(str, errors))))


@frozen
class WatchOptions:
    """Options of `Watching`.

    Args:
        revisions: Of the module: limits reach proxies that have one of them.
        namespace: The only one that is read and written; "" for all.
        lease: Namespace and name of the Lease for which instances wait.
        resync: Seconds after which everything is applied again.
        force: Take fields that other field managers have changed.
    """

    revisions: Sequence[str]
    namespace: str = ""
    lease: tuple[str, str] = ("default", "metaprotocol-convert")
    resync: float = 600.0
    force: bool = field(default=False)


class Watching:
    """Keeps a cluster in step.

    Args:
        api: Its API server.
        options: How.
        report: Is called with each thing done, and True if something is wrong.
    """

    def __init__(self, api: Api, options: WatchOptions, report: Callable[[str, bool], None]) -> None:
        self._api, self._options, self._report = api, options, report
        self._identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self._changed = asyncio.Event()
        self._everything = False
        self._failing: dict[Resource | None, str] = {}
        self._stores = {
            one: Reflector(api, one, options.namespace, self._changed.set, self._failed) for one in READ + WRITTEN
        }
        self._lease = Lease(api, *options.lease, self._identity, self._elected, self._failed)

    async def once(self) -> bool:
        """Bring the cluster in step, whoever holds the Lease; return True if all MetaRouters are in force.

        Raises:
            ClusterError: It cannot be read.
        """
        controller = self._controller(lambda: True)
        good, again, tries = False, True, 0
        while again and tries < _TRIES:
            await self._list()
            try:
                good, again = await controller.sync()
            except ApiError as error:
                raise ClusterError([error]) from error
            tries += 1
        return good and not again

    async def run(self) -> None:
        """Keep the cluster in step until cancelled.

        Raises:
            ClusterError: It cannot be read at the start. Later errors are reported, and it goes on.
        """
        await self._list()
        self._report(f"watching {self._options.namespace or 'all namespaces'}", False)
        try:
            async with asyncio.TaskGroup() as group:
                for one in self._stores.values():
                    group.create_task(one.run())
                group.create_task(self._lease.run())
                group.create_task(self._resync())
                group.create_task(self._sync())
        finally:
            await self._lease.release()

    async def _list(self) -> None:
        answers = await asyncio.gather(*(one.relist() for one in self._stores.values()), return_exceptions=True)
        errors = [one for one in answers if isinstance(one, BaseException)]
        refused = [one for one in errors if isinstance(one, ApiError)]
        if len(refused) < len(errors):
            raise next(one for one in errors if not isinstance(one, ApiError))
        if refused:
            raise ClusterError(refused)

    async def _sync(self) -> None:
        controller, backoff = self._controller(lambda: self._lease.held), Backoff()
        while True:
            await self._changed.wait()
            await asyncio.sleep(_TOGETHER)
            self._changed.clear()
            if not self._lease.held:
                continue
            everything, self._everything = self._everything, False
            try:
                _, again = await controller.sync(everything=everything)
                self._failed(None, None)
            except NotHeld:
                continue
            except ApiError as error:
                self._failed(None, error)
                again = True
            if again:
                self._everything |= everything
                await asyncio.sleep(backoff.next())
                self._changed.set()
            else:
                backoff.reset()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._options.resync)
            self._everything = True
            self._changed.set()

    def _controller(self, may_write: Callable[[], bool]) -> Controller:
        return Controller(
            self._api,
            Planner(self._options.revisions),
            self._stores,
            self._report,
            self._identity,
            force=self._options.force,
            may_write=may_write,
        )

    def _elected(self, held: bool) -> None:
        namespace, name = self._options.lease
        self._report(f"{'holding' if held else 'no longer holding'} the Lease {namespace}/{name}", not held)
        if held:
            self._changed.set()

    def _failed(self, resource: Resource | None, error: ApiError | None) -> None:
        """Report an error once, whatever fails by it, and when it is over."""
        text = str(error) if error is not None else ""
        before = self._failing.pop(resource, "")
        if text:
            if text != before and text not in self._failing.values():
                self._report(text, True)
            self._failing[resource] = text
        elif before and before not in self._failing.values():
            self._report("the API server answers again", False)
