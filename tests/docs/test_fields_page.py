"""The page of the mesh's fields says what the model says."""

import runpy
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "mesh"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(FOLDER / "fields.py"))["page"]()
    assert (FOLDER / "fields.md").read_text("utf-8") == made, "the model has changed; run: python docs/mesh/fields.py"
