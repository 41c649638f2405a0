"""The page of the kit's properties says what the properties say."""

import runpy
from pathlib import Path

from metaprotocol_sdk.testing import catalogue

FOLDER = Path(__file__).parents[2] / "docs" / "conformance"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(FOLDER / "catalogue.py"))["page"]()
    written = (FOLDER / "catalogue.md").read_text("utf-8")
    assert written == made, "the properties have changed; run: python docs/conformance/catalogue.py"


def test_every_property_has_a_heading_to_link_to() -> None:
    lines = (FOLDER / "catalogue.md").read_text("utf-8").splitlines()
    assert sorted(line.removeprefix("### ") for line in lines if line.startswith("### ")) == sorted(
        found.id for found in catalogue()
    )
