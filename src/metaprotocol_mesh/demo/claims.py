"""The claims that the demo makes of the mesh, each decided by what was seen."""

from __future__ import annotations

from collections import Counter
from math import comb
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaprotocol_mesh.demo.rpc import Json

_CHANCE = 1e-9
"""A count that chance explains as rarely as this is taken for wrong."""


@frozen
class Claim:
    """A sentence of the demo.

    Args:
        name: For machines.
        text: The sentence.
        seen: What was seen.
        holds: True if that is what the sentence says.
    """

    name: str
    text: str
    seen: str
    holds: bool


@frozen
class Page:
    """A product page that a user got.

    Args:
        version: Of the reviews on it; "" if they, or the page, are missing.
        error: What is missing, and why.
        seconds: That it took.
    """

    version: str
    error: str
    seconds: float


def jason(pages: Sequence[Page]) -> Claim:
    """Check that Jason gets v2 and nothing else."""
    right = sum(page.version == "v2" for page in pages)
    return Claim("jason", "Jason gets reviews v2", f"{right} of {len(pages)} pages", 0 < right == len(pages))


def split(name: str, text: str, pages: Sequence[Page], weights: Mapping[str, int]) -> Claim:
    """Check that versions answer by their weights.

    Args:
        name: Of the claim.
        text: Of the claim.
        pages: What was seen.
        weights: Of each version.
    """
    counts = Counter(page.version for page in pages)
    whole = sum(weights.values())
    holds = all(plausible(counts[version], len(pages), weight / whole) for version, weight in weights.items())
    seen = ", ".join(f"{count} times {version or 'none'}" for version, count in sorted(counts.items()))
    return Claim(name, text, seen, holds and set(counts) <= set(weights))


def unbroken(pages: Sequence[Page], connections: Sequence[int]) -> Claim:
    """Check that the change cost nobody a call or a connection.

    Args:
        pages: All of all users, before, during and after.
        connections: That each user has opened.
    """
    errors = [page.error for page in pages if page.error]
    again = sum(connections) - len(connections)
    seen = f"{len(errors)} of {len(pages)} lost, {again} of {len(connections)} connections closed"
    if errors:
        seen += f"; {errors[0]}"
    return Claim("unbroken", "The change cost no call", seen, bool(pages) and not errors and not again)


def mutation(lanes: Mapping[str, Sequence[str | None]]) -> Claim:
    """Check that the server of v2 sees what the route for Jason sets, and the others do not.

    Args:
        lanes: The property `lane` of each request, by version of reviews.
    """
    right = sum(lane == "preview" for lane in lanes["v2"])
    others = [lane for version in ("v1", "v3") for lane in lanes[version]]
    wrong = sum(lane is not None for lane in others)
    seen = f"{right} of {len(lanes['v2'])} calls; at v1 and v3 {wrong} of {len(others)}"
    holds = 0 < right == len(lanes["v2"]) and bool(others) and not wrong
    return Claim("mutation", "The server of v2 sees lane=preview, which no client sent", seen, holds)


def mirror(asked: int, copies: int, shown: Sequence[str]) -> Claim:
    """Check that ratings v2 got copies, and that nobody saw its answers.

    Args:
        asked: Requests to ratings v1.
        copies: Requests to ratings v2.
        shown: The version of the ratings on each page that had some.
    """
    seen = f"{copies} copies of {asked} calls"
    leaked = sum(version != "v1" for version in shown)
    if leaked:
        seen += f", and {leaked} of its answers on pages"
    holds = 0 < copies == asked and bool(shown) and not leaked
    return Claim("mirror", "Ratings v2 gets a copy of each call, and no user its answers", seen, holds)


def limit(answers: Sequence[int], allowed: int) -> Claim:
    """Check that a user is refused after some calls.

    Args:
        answers: The status of each answer, in their order.
        allowed: Calls that are not refused.
    """
    over = 3  # the number that AwesomeRPC has for it
    answered, refused = answers.count(0), answers.count(over)
    seen = f"{answered} answers, then {refused} times over limit"
    holds = list(answers) == [0] * allowed + [over] * (len(answers) - allowed) and allowed < len(answers)
    return Claim("limit", f"The crawler gets details {allowed} times a minute", seen, holds)


def delay(page: Json, seconds: float, least: float) -> Claim:
    """Check that a request which asked for a delay got it, and its answer.

    Args:
        page: The page.
        seconds: That it took.
        least: That the fault takes.
    """
    reviews = page.get("reviews", {})
    stars = sum("stars" in review for review in reviews.get("reviews", ()))
    seen = f"the page came after {seconds:.2f} s, with {stars or 'no'} ratings"
    # Envoy counts from when its event loop woke up, so a delay may end some milliseconds early.
    return Claim("delay", f"A fault delays ratings by {least} s", seen, seconds >= 0.9 * least and stars > 0)


def abort(page: Json) -> Claim:
    """Check that a request which asked for a failure got it, and that the page copes.

    Args:
        page: The page.
    """
    reviews = page.get("reviews", {})
    error = reviews.get("error", "")
    stars = sum("stars" in review for review in reviews.get("reviews", ()))
    seen = f"{len(reviews.get('reviews', ()))} reviews, {stars or 'no'} ratings"
    seen += f"; {error}" if error else ""
    holds = "fault_filter_abort" in error and not stars and bool(reviews.get("reviews"))
    return Claim("abort", "A fault fails ratings, and the page copes", seen, holds)


def cost(direct: Sequence[float], through: Sequence[float], same: int) -> Claim:
    """Check that an answer through Envoy is the server's own; show what the way takes.

    Args:
        direct: Seconds of each call to the server.
        through: Seconds of each call through Envoy.
        same: Pairs of calls whose answers were equal.
    """
    one, two = (sorted(times)[len(times) // 2] * 1000 for times in (direct, through))
    seen = f"{one:.2f} ms without it, {two:.2f} ms with it, the median of {len(direct)}; {same} answers are equal"
    holds = 0 < same == len(direct) == len(through)
    return Claim("cost", f"Envoy adds {two - one:.2f} ms and changes no answer", seen, holds)


def plausible(count: int, of: int, share: float) -> bool:
    """Return True if chance explains a count.

    Args:
        count: How often something was seen.
        of: How often it could have been.
        share: Its probability.
    """
    low = high = 0.0
    for number in range(of + 1):
        probability = comb(of, number) * share**number * (1 - share) ** (of - number)
        low += probability if number <= count else 0.0
        high += probability if number >= count else 0.0
    return low > _CHANCE and high > _CHANCE
