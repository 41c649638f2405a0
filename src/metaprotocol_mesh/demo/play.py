"""Plays BookInfo's users, changes the mesh meanwhile, and makes the claims."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from attrs import define, field

from metaprotocol_mesh.demo import claims
from metaprotocol_mesh.demo.claims import Claim, Page
from metaprotocol_mesh.demo.rpc import CallError, Client, Json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from metaprotocol_mesh.demo.services import Service
    from metaprotocol_mesh.demo.stage import Stage
    from metaprotocol_mesh.places import Problem

CLAIMS = {
    "jason": "a user's route",
    "split": "weights",
    "change": "a change of weights",
    "unbroken": "calls during the change",
    "mutation": "a property that a route sets",
    "mirror": "a mirror",
    "limit": "a limit",
    "delay": "a delay",
    "abort": "a failure",
    "cost": "the cost",
}
"""The evidence that is shown, by the name of the claim."""
JASON = "jason"
OTHERS = ("mary", "kim", "omar")
PAGES = 240
"""Of all others, before the change and after it: so many that 9 to 1 and 1 to 1 cannot be taken for each other."""
PAIRS = 100
"""Calls to a server and through Envoy, to compare."""
ALLOWED = 5
"""Calls of the crawler in a minute, in details.yaml."""
DELAY = 0.5
"""Seconds, in ratings.yaml."""
_BEFORE = {"v1": 90, "v3": 10}
_AFTER = {"v1": 50, "v3": 50}
_THINK = 0.04
_PATIENCE = 5.0


@define
class User:
    """Someone who loads product pages, one after the other.

    Args:
        name: Who it is.
        client: The connection.
    """

    name: str
    client: Client
    pages: list[Page] = field(factory=list)
    shown: list[str] = field(factory=list)

    async def load(self) -> None:
        """Load a page."""
        page: Json = {}
        lost = ""
        begin = time.perf_counter()
        try:
            page = await self.client.call("productpage", {"user": self.name})
        except (CallError, OSError) as error:
            lost = str(error)
        seconds = time.perf_counter() - begin
        reviews = page.get("reviews", {})
        for part in (page.get("details", {}), reviews):
            lost = lost or part.get("error", "")
        self.pages.append(Page(reviews.get("version", ""), lost, seconds))
        if "ratings version" in reviews:
            self.shown.append(reviews["ratings version"])

    @property
    def versions(self) -> Counter[str]:
        """Pages by the version of their reviews."""
        return Counter(page.version for page in self.pages)


class Play:
    """The demo.

    Args:
        stage: BookInfo, running.
        claimed: Called with each claim.
    """

    def __init__(self, stage: Stage, claimed: Callable[[Claim], None]) -> None:
        self.problems: tuple[Problem, ...] = ()
        self.users = [User(name, Client(stage.port)) for name in (JASON, *OTHERS)]
        self.now = ""
        self._since = self._marks()
        self._stage = stage
        self._claimed = claimed

    @property
    def recent(self) -> list[Page]:
        """Pages of all but Jason since the start, or since the weights were changed."""
        pairs = zip(self.users[1:], self._since[1:], strict=True)
        return [page for user, mark in pairs for page in user.pages[mark:]]

    async def run(self) -> None:
        """Play all of it.

        Raises:
            OSError: The files cannot be changed.
            EnvoyDied: Envoy has ended.
        """
        try:
            async with self._traffic():
                await self._routes()
                await self._change()
            self._headers()
            await self._mirror()
            async with self._traffic():
                await self._limit()
                await self._faults()
            await self._cost()
        finally:
            await asyncio.gather(*(user.client.close() for user in self.users))

    @asynccontextmanager
    async def _traffic(self) -> AsyncIterator[None]:
        """Let the users load pages; at the end, each has got its last."""
        ended = asyncio.Event()

        async def browse(user: User) -> None:
            while not ended.is_set():
                await user.load()
                await asyncio.sleep(_THINK)

        tasks = [asyncio.create_task(browse(user)) for user in self.users]
        try:
            yield
            ended.set()
            await asyncio.gather(*tasks)
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _routes(self) -> None:
        self.now = "Everybody loads product pages"
        others = await self._new_pages()
        self._claimed(claims.jason(self.users[0].pages))
        self._claimed(claims.split("split", "All others get v1 and v3, 90 to 10", others, _BEFORE))

    async def _change(self) -> None:
        self.now = "The weights in reviews.yaml become 50 and 50, while the calls go on"
        for path in self._stage.folder.rglob("reviews.y*ml"):
            text = path.read_text("utf-8")
            for version, weight in _AFTER.items():
                text = re.sub(rf"(subset: {version}\}}, weight: )\d+", rf"\g<1>{weight}", text)
            path.write_text(text, "utf-8")
        change = await asyncio.to_thread(self._stage.mesh.apply)
        if change is not None and not change.applied:
            self.problems = change.problems
        others = await self._new_pages()
        self._claimed(claims.split("change", "Changed while calls run, v1 and v3 are 50 to 50", others, _AFTER))
        pages = [page for user in self.users for page in user.pages]
        self._claimed(claims.unbroken(pages, [user.client.connections for user in self.users]))

    def _headers(self) -> None:
        self._claimed(claims.mutation({one: self._service("reviews", one).lanes for one in ("v1", "v2", "v3")}))

    async def _mirror(self) -> None:
        asked, copied = (self._service("ratings", version) for version in ("v1", "v2"))
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):  # no user has waited for the last copy
                while copied.calls < asked.calls:  # noqa: ASYNC110 - the count has no event
                    await asyncio.sleep(0.01)
        shown = [version for user in self.users for version in user.shown]
        self._claimed(claims.mirror(asked.calls, copied.calls, shown))

    async def _limit(self) -> None:
        self.now = "A crawler reads details"
        async with _client(self._stage.port) as client:
            answers = [await _ask(client, "details", {"user": "crawler"}) for _ in range(ALLOWED + 3)]
        self._claimed(claims.limit([answer.get("status", 0) for answer in answers], ALLOWED))

    async def _faults(self) -> None:
        self.now = "Jason asks for faults"
        async with _client(self._stage.port) as client:
            begin = time.monotonic()
            page = await _ask(client, "productpage", {"user": JASON, "test": "slow-ratings"})
            self._claimed(claims.delay(page, time.monotonic() - begin, DELAY))
            self._claimed(claims.abort(await _ask(client, "productpage", {"user": JASON, "test": "no-ratings"})))

    async def _cost(self) -> None:
        self.now = "One caller asks for details, directly and through Envoy in turn"
        server = self._service("details", "v1")
        times: tuple[list[float], list[float]] = ([], [])
        same = 0
        async with _client(self._stage.ports[server]) as direct, _client(self._stage.port) as through:
            for _ in range(PAIRS):
                answers = []
                for client, seconds in zip((direct, through), times, strict=True):
                    begin = time.perf_counter()
                    answers.append(await _ask(client, "details"))
                    seconds.append(time.perf_counter() - begin)
                same += answers[0] == answers[1] and "error" not in answers[0]
        self._claimed(claims.cost(*times, same))

    def _service(self, name: str, version: str) -> Service:
        return self._stage.services[name, version]

    def _marks(self) -> list[int]:
        return [len(user.pages) for user in self.users]

    async def _new_pages(self) -> list[Page]:
        """Wait until all but Jason have loaded enough pages more, and return these."""
        self._since = self._marks()
        while len(self.recent) < PAGES:  # noqa: ASYNC110 - the count has no event
            await asyncio.sleep(_THINK)
        return self.recent


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[Client]:
    client = Client(port)
    try:
        yield client
    finally:
        await client.close()


async def _ask(client: Client, service: str, headers: Mapping[str, str] = {}) -> Json:
    """Return what a service answers, or an object with `error` and `status`."""
    try:
        return await client.call(service, headers)
    except CallError as error:
        return {"error": str(error), "status": error.status}
    except OSError as error:
        return {"error": str(error), "status": -1}
