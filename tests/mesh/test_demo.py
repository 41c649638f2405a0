"""BookInfo: what its services answer, what its page shows, and what the demo claims."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from metaprotocol_mesh.check import warnings
from metaprotocol_mesh.demo import claims
from metaprotocol_mesh.demo.claims import Page, plausible
from metaprotocol_mesh.demo.files import example_files
from metaprotocol_mesh.demo.play import PAGES
from metaprotocol_mesh.demo.rpc import CallError, Client, Json, serving
from metaprotocol_mesh.demo.services import Service, running
from metaprotocol_mesh.demo.web import page
from metaprotocol_mesh.explain import explain
from metaprotocol_mesh.load import load
from metaprotocol_mesh.resolve import resolve


@asynccontextmanager
async def bookinfo(broken: str = "") -> AsyncIterator[int]:
    """Run the services, and a switch in the mesh's place: Jason gets reviews v2, and one service may be broken."""
    found: dict[tuple[str, str], int] = {}

    async def switch(properties: Mapping[str, str]) -> Json:
        name = properties["service"]
        if name == broken:
            raise RuntimeError("it is broken")
        version = "v2" if name == "reviews" and properties.get("user") == "jason" else "v1"
        headers = {key: value for key, value in properties.items() if key not in {"service", "cmd"}}
        client = Client(found[name, version])
        try:
            return await client.call(name, headers)
        finally:
            await client.close()

    async with serving(switch) as mesh:
        versions = [(name, "v1") for name in ("productpage", "details", "ratings", "reviews")]
        services = [Service(*one, mesh) for one in [*versions, ("reviews", "v2")]]
        async with running(services) as ports:
            found.update({(one.name, one.version): port for one, port in ports.items()})
            yield mesh


async def _product(user: str, broken: str = "") -> Json:
    async with bookinfo(broken) as mesh:
        client = Client(mesh)
        try:
            return await client.call("productpage", {"user": user})
        finally:
            await client.close()


def product(user: str, broken: str = "") -> Json:
    return asyncio.run(_product(user, broken))


async def _browse(mesh: int, *requests: str) -> list[str]:
    answers = []
    async with page(mesh) as url:
        where = urlsplit(url)
        for request in requests:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(request.replace("HOST", where.netloc).replace("\n", "\r\n").encode())
            answers.append((await reader.read()).decode())
            writer.close()
            await writer.wait_closed()
    return answers


def browse(*requests: str, broken: str = "") -> list[str]:
    """Return what the page answers."""

    async def run() -> list[str]:
        async with bookinfo(broken) as mesh:
            return await _browse(mesh, *requests)

    return asyncio.run(run())


def get(path: str, *headers: str) -> str:
    return "\n".join([f"GET {path} HTTP/1.1", "Host: HOST", *headers, "", ""])


def post(path: str, form: str = "") -> str:
    return f"POST {path} HTTP/1.1\nHost: HOST\nContent-Length: {len(form)}\n\n{form}"


def test_the_page_of_jason_has_stars() -> None:
    reviews = product("jason")["reviews"]
    assert (reviews["version"], reviews["color"], reviews["ratings version"]) == ("v2", "black", "v1")
    assert [one["stars"] for one in reviews["reviews"]] == [5, 4]


def test_the_page_of_others_has_none() -> None:
    reviews = product("mary")["reviews"]
    assert reviews["version"] == "v1"
    assert not any("stars" in one for one in reviews["reviews"])


@pytest.mark.parametrize("broken", ["details", "reviews"])
def test_a_page_shows_what_there_is(broken: str) -> None:
    found = product("mary", broken)
    assert "it is broken" in found[broken]["error"]
    assert "error" not in found[{"details": "reviews", "reviews": "details"}[broken]]


def test_reviews_without_ratings_say_so() -> None:
    reviews = product("jason", "ratings")["reviews"]
    assert "it is broken" in reviews["error"]
    assert len(reviews["reviews"]) == 2
    assert not any("stars" in one for one in reviews["reviews"])


def test_a_call_that_fails_is_answered_with_an_error() -> None:
    with pytest.raises(CallError, match="it is broken") as caught:
        product("jason", "productpage")
    assert caught.value.status == 255


def test_a_connection_that_ends_ends_the_calls_on_it() -> None:
    async def run() -> None:
        async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        server = await asyncio.start_server(close, "127.0.0.1", 0)
        client = Client(server.sockets[0].getsockname()[1])
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await client.call("details")
        assert client.connections == 2
        await client.close()
        server.close()
        await server.wait_closed()

    asyncio.run(run())


def test_one_signs_in_and_out() -> None:
    into, anonymous, signed_in, out = browse(
        post("/login", "username=jason"),
        get("/productpage"),
        get("/productpage", "Cookie: user=jason"),
        post("/logout"),
    )
    assert "303 See Other" in into
    assert "Set-Cookie: user=jason;" in into
    assert "reviews-v1" in anonymous
    assert "★" not in anonymous
    assert "reviews-v2" in signed_in
    assert "★★★★☆" in signed_in
    assert "Max-Age=0" in out


def test_a_name_is_text_on_the_page() -> None:
    into, shown = browse(
        post("/login", "username=%3Cb%3E%C3%A4%0D%0AX%3A+1"), get("/productpage", "Cookie: user=%3Cb%3E%C3%A4")
    )
    assert "Set-Cookie: user=%3Cb%3E%C3%A4%0D%0AX%3A%201;" in into
    assert "&lt;b&gt;ä" in shown


@pytest.mark.parametrize(("broken", "said"), [("ratings", "ratings are not"), ("details", "details are not")])
def test_the_page_says_what_is_missing(broken: str, said: str) -> None:
    (shown,) = browse(get("/productpage", "Cookie: user=jason"), broken=broken)
    assert said in shown


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("nonsense\n\n", 400),
        ("GET / HTTP/1.1\nHost: HOST\nContent-Length: -1\n\n", 400),
        ("POST /login HTTP/1.1\nHost: HOST\nContent-Length: 99999\n\n", 400),
        (f"GET / HTTP/1.1\nX: {'x' * 70000}\n\n", 400),
        (get("/").replace("HOST", "evil.example"), 421),
        (get("/"), 303),
        (get("/other"), 404),
        (post("/productpage"), 404),
    ],
    ids=["no HTTP", "negative", "body", "head", "host", "root", "path", "method"],
)
def test_requests_that_are_not_for_the_page(request_: str, status: int) -> None:
    (shown,) = browse(request_)
    assert shown.startswith(f"HTTP/1.1 {status} ")


V1, V2, V3 = (Page(version, "", 0.01) for version in ("v1", "v2", "v3"))
LOST = Page("", "no healthy upstream (status 2)", 0.01)
WEIGHTS = {"v1": 90, "v3": 10}
STARS = {"reviews": {"reviews": [{"stars": 5}]}}
NO_STARS = {"reviews": {"reviews": [{}], "error": "fault_filter_abort (status 255)"}}


@pytest.mark.parametrize(
    "claim",
    [
        claims.jason([V2] * 9),
        claims.split("split", "", [V1] * 215 + [V3] * 25, WEIGHTS),
        claims.unbroken([V1, V2, V3], [1, 1]),
        claims.mutation({"v1": [None], "v2": ["preview"], "v3": [None]}),
        claims.mirror(7, 7, ["v1"]),
        claims.limit([0, 0, 3], 2),
        claims.delay(STARS, 0.499, 0.5),
        claims.abort(NO_STARS),
        claims.cost([0.1], [0.2], 1),
    ],
    ids=lambda claim: claim.name,
)
def test_a_claim_holds(claim: claims.Claim) -> None:
    assert claim.holds, claim


@pytest.mark.parametrize(
    "claim",
    [
        claims.jason([V2] * 9 + [V1]),
        claims.jason([V2] * 9 + [LOST]),
        claims.jason([]),
        claims.split("split", "", [V1] * 240, WEIGHTS),
        claims.split("split", "", [V1] * 120 + [V3] * 120, WEIGHTS),
        claims.split("split", "", [V1] * 215 + [V3] * 25 + [V2], WEIGHTS),
        claims.split("split", "", [V1] * 215 + [V3] * 25 + [LOST], WEIGHTS),
        claims.unbroken([V1, LOST], [1, 1]),
        claims.unbroken([V1, V1], [1, 2]),
        claims.unbroken([], [1, 1]),
        claims.mutation({"v1": [None], "v2": ["preview", None], "v3": [None]}),
        claims.mutation({"v1": [None], "v2": ["other"], "v3": [None]}),
        claims.mutation({"v1": ["preview"], "v2": ["preview"], "v3": [None]}),
        claims.mutation({"v1": [], "v2": [], "v3": []}),
        claims.mirror(7, 6, ["v1"]),
        claims.mirror(0, 0, ["v1"]),
        claims.mirror(7, 7, ["v1", "v2"]),
        claims.limit([0, 0, 0], 2),
        claims.limit([0, 3, 0], 2),
        claims.limit([0, 0, 255], 2),
        claims.limit([0, 0], 2),
        claims.delay(STARS, 0.44, 0.5),
        claims.delay(NO_STARS, 0.6, 0.5),
        claims.delay({"error": "no route"}, 0.6, 0.5),
        claims.abort(STARS),
        claims.abort({"reviews": {"error": "fault_filter_abort (status 255)"}}),
        claims.abort({"reviews": {"reviews": [{}], "error": "no healthy upstream (status 2)"}}),
        claims.cost([0.1, 0.1], [0.2, 0.2], 1),
    ],
    ids=lambda claim: f"{claim.name}, {claim.seen}",
)
def test_a_claim_that_is_false_is_seen(claim: claims.Claim) -> None:
    assert not claim.holds, claim


def test_no_count_passes_for_both_weights() -> None:
    assert not any(plausible(count, PAGES, 0.1) and plausible(count, PAGES, 0.5) for count in range(PAGES + 1))


def test_the_files_have_no_warning() -> None:
    mesh = resolve(load([example_files()]))
    assert [str(one) for one in warnings(mesh) if "descriptors" not in str(one)] == []


@pytest.mark.parametrize(
    ("properties", "clusters"),
    [
        ({"service": "reviews", "user": "jason"}, ["v2"]),
        ({"service": "reviews", "user": "mary"}, ["v1", "v3"]),
        ({"service": "ratings"}, ["v1"]),
        ({"service": "details"}, [""]),
        ({"service": "productpage"}, [""]),
    ],
)
def test_the_files_route(properties: dict[str, str], clusters: list[str]) -> None:
    mesh = resolve(load([example_files()]))
    found = explain(mesh, mesh.listeners[0], properties, f"{properties['service']}/1")
    assert found.rule is not None
    assert [one.cluster.subset for one in found.rule.targets] == clusters
