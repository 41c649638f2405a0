"""The values of `templates/awesomerpc/cookiecutter.json`. `python tests/support/template_values.py` writes it."""

import json
from pathlib import Path

from metaprotocol_cli.new.answers import Answers
from metaprotocol_cli.new.render import JINJA_OPTIONS
from metaprotocol_cli.new.source import protocol_values

PATH = Path(__file__).parents[2] / "templates" / "awesomerpc" / "cookiecutter.json"

# The names that cookiecutter asks for; `Names` has the same rules.
ASKED = {
    "name": "acme-rpc",
    "project": "{{ cookiecutter.name }}-codec",
    "package": (
        "{% set package = cookiecutter.project.replace('-', '_') %}"
        "{{ 'codec_' + package.removesuffix('_codec') if package[0].isdigit() else package }}"
    ),
    "author": "The {{ cookiecutter.name }} authors",
}
CODEC_CLASS = (
    "{% set stem = cookiecutter.name.title().replace('-', '') %}"
    "{{ 'Rpc' if stem[0].isdigit() else '' }}{{ stem.removesuffix('Codec') or stem }}Codec"
)
PROMPTS = {
    "name": "The codec's name, a DNS label",
    "project": "The distribution's name",
    "package": "The Python package's name",
    "author": "Who holds the copyright",
}


def cookiecutter_json() -> str:
    """Return the file's text: the names, and the values that the default header gives."""
    settings = {"__codec_class": CODEC_CLASS, "__prompts__": PROMPTS, "_jinja2_env_vars": JINJA_OPTIONS}
    values = ASKED | settings | protocol_values(Answers({}).protocol())
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(cookiecutter_json(), "utf-8")
