"""Writes fields.md, the page of the supported fields, from the model itself.

python docs/mesh/fields.py
"""

from __future__ import annotations

from pathlib import Path

from metaprotocol_mesh.model import KINDS
from metaprotocol_mesh.schema import table

PAGE = Path(__file__).with_suffix(".md")

HEAD = """\
% Made by fields.py from the model itself. Do not edit it; run: python docs/mesh/fields.py

# Supported fields

The fields that the [configuration](configuration.md) may have, and what each becomes in Envoy. Any other field is
refused with its place. `[]` is each entry of a list, `.*` each value of a mapping.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for kind, (spec, versions) in KINDS.items():
        parts.append(f"\n## {kind}\n\n{(spec.__doc__ or '').splitlines()[0]} `{versions[0]}`\n\n")
        if len(versions) > 1:
            others = ", ".join(f"`{version.partition('/')[2]}`" for version in versions[1:])
            parts[-1] = parts[-1].rstrip("\n") + f", also {others}.\n\n"
        parts.append("| field | becomes |\n|---|---|\n")
        for name, becomes in table(spec):
            text = becomes.replace("|", "\\|")
            parts.append(f"| `{name}` | {text} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
