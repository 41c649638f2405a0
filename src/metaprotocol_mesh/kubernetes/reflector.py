"""Keeps the objects of a kind as the API server has them: a list, then a watch."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, NoReturn

from metaprotocol_mesh.kubernetes.errors import ApiError
from metaprotocol_mesh.kubernetes.objects import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaprotocol_mesh.kubernetes.api import Api
    from metaprotocol_mesh.kubernetes.objects import Json, Key, Resource

_FIRST, _LAST = 0.5, 30.0
"""Seconds until a request that failed is sent again, at first and at most; as client-go's reflector has them."""
_LASTS = 5.0
"""Seconds after which a watch was a good one, even if it brought nothing."""


class Backoff:
    """Pauses that grow while requests fail. Half of each is drawn at random, so that clients do not come together."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._seconds = 0.0

    def next(self, at_least: float = 0) -> float:
        """Return the next pause in seconds."""
        self._seconds = min(self._seconds * 2 or _FIRST, _LAST)
        return max(self._seconds * random.uniform(0.5, 1), at_least)  # noqa: S311 - no secret


class Reflector:
    """The objects of a kind.

    Args:
        api: The server.
        resource: The kind.
        namespace: Of the objects; "" for all.
        changed: Is called after each change.
        failed: Is called with each error after which it tries again, and with None when it is over.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str,
        changed: Callable[[], None],
        failed: Callable[[Resource, ApiError | None], None],
    ) -> None:
        self._api, self.resource, self._namespace = api, resource, namespace
        self._changed, self._failed = changed, failed
        self._version = ""
        self._backoff = Backoff()
        self._expected: set[Key] = set()
        self.objects: dict[Key, Json] = {}

    async def relist(self) -> None:
        """Read all objects.

        Raises:
            ApiError: The server refuses, or does not answer.
        """
        items, version = await self._api.list(self.resource, self._namespace)
        found = {key_of(one): one for one in items}
        before, self.objects, self._version = self.objects, found, version
        self._expected.clear()
        if before != found:
            self._changed()

    async def run(self) -> NoReturn:
        """Follow the changes after `relist`, for ever. Errors are told, and tried again."""
        stale = False
        while True:
            began = asyncio.get_running_loop().time()
            at_least = 0.0
            try:
                if stale:
                    await self.relist()
                    stale = False
                await self._follow()
            except ApiError as error:
                # The server has forgotten our version, and with it what was deleted since.
                stale = stale or error.code == 410
                at_least = error.retry_after
                if error.code != 410:
                    self._failed(self.resource, error)
            if asyncio.get_running_loop().time() - began > _LASTS:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next(at_least))

    async def _follow(self) -> None:
        seconds = random.randint(300, 600)  # noqa: S311 - so that not all watches end together
        async with aclosing(self._api.watch(self.resource, self._version, self._namespace, seconds)) as events:
            async for what, content in events:
                if what == "OPEN":
                    self._failed(self.resource, None)
                    continue
                self._backoff.reset()
                self._version = content["metadata"]["resourceVersion"]
                if what == "BOOKMARK":
                    continue
                key = key_of(content)
                self._expected.discard(key)
                if what == "DELETED":
                    self.objects.pop(key, None)
                else:
                    self.objects[key] = content
                self._changed()

    def expect(self, key: Key) -> None:
        """Expect the answer to a request about an object, for `keep`."""
        self._expected.add(key)

    def keep(self, content: Json) -> None:
        """Take over an object as the server answered it, unless the watch has already brought it or what came after."""
        key = key_of(content)
        if key in self._expected:
            self._expected.remove(key)
            self.objects[key] = content
