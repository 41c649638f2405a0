"""The product page for a browser. It asks the service `productpage` through the mesh."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from html import escape
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

from attrs import frozen

from metaprotocol_mesh.demo.rpc import HOST, CallError, Client, Json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PORT = 9080
"""That BookInfo's own page has; another if it is taken."""
_LONGEST = 16384
"""Bytes of a request's head, and of its body."""
_PATIENCE = 30.0
_LONGEST_NAME = 100


@frozen
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    user: str
    form: Mapping[str, str]
    host: str


@frozen
class _Response:
    status: HTTPStatus
    body: str = ""
    headers: tuple[str, ...] = ()


@asynccontextmanager
async def page(mesh: int) -> AsyncIterator[str]:
    """Serve the page on this machine, and return its URL.

    Args:
        mesh: The port of Envoy's listener.
    """
    client = Client(mesh)
    running: set[asyncio.Task[None]] = set()
    hosts: set[str] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
            task.add_done_callback(running.discard)
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(_PATIENCE):
                request = await _read(reader)
                if request is None:
                    response = _Response(HTTPStatus.BAD_REQUEST)
                elif request.host not in hosts:  # a name of another site may lead here
                    response = _Response(HTTPStatus.MISDIRECTED_REQUEST)
                else:
                    response = await _answer(request, client)
                _write(writer, response)
                await writer.drain()
        writer.close()

    async def listen(port: int) -> asyncio.Server:
        return await asyncio.start_server(connected, HOST, port, limit=_LONGEST)

    try:
        server = await listen(PORT)
    except OSError:
        server = await listen(0)
    port = server.sockets[0].getsockname()[1]
    hosts |= {f"{HOST}:{port}", f"localhost:{port}"}
    try:
        yield f"http://{HOST}:{port}/productpage"
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
        await client.close()


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """Return a request; None if it is not HTTP, or too large."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        size = int(headers.get("content-length", "0"))
        if not 0 <= size <= _LONGEST:
            return None
        form = (await reader.readexactly(size)).decode("utf-8")
        url = urlsplit(target)
        user = SimpleCookie(headers.get("cookie", "")).get("user")
    except (ValueError, CookieError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    name = unquote(user.value) if user is not None else ""
    return _Request(method, url.path, _first(url.query), name, _first(form), headers.get("host", ""))


def _first(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, max_num_fields=10).items()}


def _write(writer: asyncio.StreamWriter, response: _Response) -> None:
    body = (response.body or response.status.phrase).encode()
    head = [
        f"HTTP/1.1 {response.status.value} {response.status.phrase}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Cache-Control: no-store",
        "Connection: close",
        *response.headers,
    ]
    writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)


async def _answer(request: _Request, client: Client) -> _Response:
    where = request.method, request.path
    if where == ("GET", "/"):
        return _redirect()
    if where == ("POST", "/login"):
        name = request.form.get("username", "")[:_LONGEST_NAME]
        return _redirect(f"Set-Cookie: user={quote(name, safe='')}; Path=/; HttpOnly; SameSite=Strict")
    if where == ("POST", "/logout"):
        return _redirect("Set-Cookie: user=; Path=/; Max-Age=0")
    if where == ("GET", "/productpage"):
        headers = {"user": request.user} if request.user else {}
        if "test" in request.query:
            headers["test"] = request.query["test"][:_LONGEST_NAME]
        try:
            found = await client.call("productpage", headers)
        except (CallError, OSError) as error:
            return _Response(HTTPStatus.SERVICE_UNAVAILABLE, f"The product page is not available: {escape(str(error))}")
        return _Response(HTTPStatus.OK, _html(found, request.user))
    return _Response(HTTPStatus.NOT_FOUND)


def _redirect(*headers: str) -> _Response:
    return _Response(HTTPStatus.SEE_OTHER, headers=("Location: /productpage", *headers))


def _html(product: Json, user: str) -> str:
    who = _SIGNED_IN.format(user=escape(user)) if user else _SIGN_IN
    return _PAGE.format(
        who=who,
        title=escape(product["title"]),
        details=_details(product["details"]),
        reviews=_reviews(product["reviews"]),
    )


def _details(details: Json) -> str:
    if "error" in details:
        return f"<p class=error>Sorry, the details are not available: {escape(details['error'])}</p>"
    rows = "".join(f"<dt>{escape(name.title())}<dd>{escape(str(value))}" for name, value in details.items())
    return f"<dl>{rows}</dl>"


def _reviews(reviews: Json) -> str:
    if "error" in reviews and "reviews" not in reviews:
        return f"<p class=error>Sorry, the reviews are not available: {escape(reviews['error'])}</p>"
    parts = []
    for one in reviews["reviews"]:
        text = f"<blockquote>{escape(one['text'])}<footer>{escape(one['reviewer'])}</footer>"
        if "stars" in one:
            stars = "★" * one["stars"] + "☆" * (5 - one["stars"])
            text += f"<span class=stars style='color: {escape(reviews['color'])}'>{stars}</span>"
        parts.append(f"{text}</blockquote>")
    if "error" in reviews:
        parts.append(f"<p class=error>The ratings are not available: {escape(reviews['error'])}</p>")
    parts.append(f"<p class=served>Reviews served by: <b>reviews-{escape(reviews['version'])}</b></p>")
    return "".join(parts)


_SIGN_IN = """<form method=post action=/login>
<input name=username placeholder="User name, such as jason" aria-label="User name" required autofocus>
<button>Sign in</button></form>"""
_SIGNED_IN = """<form method=post action=/logout><b>{user}</b> <button>Sign out</button></form>"""
_PAGE = """<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<title>BookInfo</title>
<style>
body {{ margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #222; }}
nav {{ display: flex; justify-content: space-between; align-items: center; background: #222; color: #fff;
  padding: .6rem 2rem; }}
input, button {{ font: inherit; padding: .2rem .6rem; }}
h1 {{ text-align: center; color: #0060b0; margin: 1.5rem 0 .5rem; }}
main {{ display: grid; grid-template-columns: 1fr 2fr; gap: 3rem; max-width: 60rem; margin: 0 auto; padding: 0 2rem; }}
h2 {{ border-bottom: 1px solid #ccc; font-size: 1.2rem; }}
dt {{ font-weight: bold; }} dd {{ margin: 0 0 .5rem; }}
blockquote {{ margin: 0 0 1.2rem; border-left: 4px solid #ccc; padding-left: 1rem; }}
footer {{ color: #666; }} footer::before {{ content: "— "; }}
.stars {{ font-size: 1.4rem; letter-spacing: .1em; }}
.error {{ background: #fbe3e4; padding: .6rem 1rem; }}
.summary, .try {{ max-width: 60rem; margin: 0 auto; padding: .5rem 2rem; color: #444; }}
.try {{ border-top: 1px solid #ccc; margin-top: 2rem; }}
</style>
<nav><b>BookInfo over AwesomeRPC</b>{who}</nav>
<h1>{title}</h1>
<p class=summary>A merchant of Syracuse looks for his son in Ephesus, where two pairs of twins, parted as children,
are taken for each other all day.</p>
<main>
<section><h2>Book details</h2>{details}</section>
<section><h2>Book reviews</h2>{reviews}</section>
</main>
<p class=try>Sign in as <b>jason</b>, and the mesh gives you reviews v2. Sign in as <b>crawler</b> and reload: details
are limited. As jason, <a href="/productpage?test=slow-ratings">keep the ratings back</a> or
<a href="/productpage?test=no-ratings">let them fail</a>.</p>
</html>
"""
