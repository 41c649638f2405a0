"""Writes catalogue.md, the page of the kit's properties, from the properties themselves.

python docs/conformance/catalogue.py
"""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from metaprotocol_sdk.testing import Property, Tier, _property, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_suffix(".md")

HEAD = """\
% Made by catalogue.py from the properties themselves. Do not edit it; run: python docs/conformance/catalogue.py

# The properties

What the [conformance kit](index.md) holds a codec to. {required} properties are required. {recommended} are
recommended: `metaprotocol check` reports them, and fails for them only with `--strict`. An id keeps its meaning for
ever; [what the kit promises](promises.md) says what may change.

They come in tiers. A required property that fails hides what builds on it: after a failure in one tier the later ones
are not tried, since they would report the same mistake again; in the tier of cost the next ones are not tried either.
`--all` tries them nevertheless.

A *valid message* is one that the codec's author gave the kit: from `examples()`, from recorded streams or from a
strategy.
"""


def tier_text(tier: Tier) -> str:
    """Return the string below a tier's name in the source."""
    lines = inspect.getsource(_property).splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{tier.name} ="))
    return lines[at + 1].strip().strip('"')


def section(found: Property) -> Iterator[str]:
    """Yield the lines of one property."""
    yield f"### {found.id}"
    yield ""
    yield f"**{found.title}.**"
    notes = [found.level.value.capitalize()]
    if found.claim is not None:
        notes.append(f"of codecs that claim `{found.claim.name}`")
    yield f"{', '.join(notes)}."
    yield ""
    yield f"Why: {found.why}"
    yield ""
    yield f"How to fix it: {found.fix}"
    yield ""


def page() -> str:
    """Return the page's text."""
    found = catalogue()
    recommended = sum(one.level.value == "recommended" for one in found)
    lines = [HEAD.format(required=len(found) - recommended, recommended=recommended)]
    for tier, members in groupby(found, key=lambda one: one.tier):
        lines += [f"## Tier {tier.value}: {tier.name.lower()}", "", tier_text(tier), ""]
        for one in sorted(members, key=lambda one: one.id):
            lines += section(one)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
