"""The services of BookInfo. Each calls the others through the mesh, and passes on who asks."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from metaprotocol_mesh.demo.rpc import CallError, Client, Json, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

_PASSED_ON = ("user", "test")
"""The properties of a call that the calls made for it have, too."""

COLORS = {"v2": "black", "v3": "red"}
"""Of the stars that a version of reviews shows. v1 shows none."""


class Service:
    """A version of a service.

    Args:
        name: Of the service.
        version: Of it.
        mesh: The port by which it calls others.
    """

    def __init__(self, name: str, version: str, mesh: int) -> None:
        self.name = name
        self.version = version
        self.calls = 0
        self.lanes: list[str | None] = []  # the property `lane` of each call: clients send none
        self.mesh = Client(mesh)

    async def answer(self, properties: Mapping[str, str]) -> Json:
        """Answer a call.

        Args:
            properties: Of the call.
        """
        self.calls += 1
        self.lanes.append(properties.get("lane"))
        passed = {name: properties[name] for name in _PASSED_ON if name in properties}
        return await _ANSWERS[self.name](self, passed)

    async def ask(self, service: str, passed: Mapping[str, str]) -> Json:
        """Call another service, and return its answer, or an object with `error`.

        Args:
            service: Its name.
            passed: Properties of the call.
        """
        try:
            return await self.mesh.call(service, passed)
        except (CallError, OSError) as error:
            return {"error": str(error)}


async def _productpage(service: Service, passed: Mapping[str, str]) -> Json:
    details, reviews = await asyncio.gather(service.ask("details", passed), service.ask("reviews", passed))
    return {"title": "The Comedy of Errors", "details": details, "reviews": reviews}


async def _details(service: Service, passed: Mapping[str, str]) -> Json:
    return {"author": "William Shakespeare", "year": 1595, "type": "paperback", "pages": 200, "language": "English"}


async def _reviews(service: Service, passed: Mapping[str, str]) -> Json:
    found: Json = {
        "version": service.version,
        "reviews": [
            {"reviewer": "Reviewer1", "text": "Two pairs of twins, one day, no dull moment."},
            {"reviewer": "Reviewer2", "text": "Great fun, though his later plays go deeper."},
        ],
    }
    if service.version in COLORS:
        ratings = await service.ask("ratings", passed)
        found["color"] = COLORS[service.version]
        if "error" in ratings:
            found["error"] = ratings["error"]
        else:
            found["ratings version"] = ratings["version"]
            for review in found["reviews"]:
                review["stars"] = ratings["stars"][review["reviewer"]]
    return found


async def _ratings(service: Service, passed: Mapping[str, str]) -> Json:
    return {"version": service.version, "stars": {"Reviewer1": 5, "Reviewer2": 4}}


_ANSWERS: dict[str, Callable[[Service, Mapping[str, str]], Awaitable[Json]]] = {
    "productpage": _productpage,
    "details": _details,
    "reviews": _reviews,
    "ratings": _ratings,
}

SERVERS = (
    ("productpage", "v1"),
    ("details", "v1"),
    ("reviews", "v1"),
    ("reviews", "v2"),
    ("reviews", "v3"),
    ("ratings", "v1"),
    ("ratings", "v2"),
)
"""All services, with their versions."""


@asynccontextmanager
async def running(services: list[Service]) -> AsyncIterator[dict[Service, int]]:
    """Run services, and return their ports.

    Args:
        services: Which.
    """
    async with AsyncExitStack() as stack:
        for one in services:
            stack.push_async_callback(one.mesh.close)
        yield {one: await stack.enter_async_context(serving(one.answer)) for one in services}
