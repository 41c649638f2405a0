"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any

from sphinx.pycode import ModuleAnalyzer

import metaprotocol_sdk

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "MetaProtocol SDK"
author = "The MetaProtocol SDK maintainers"
copyright = author
version = release = "0.1"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
primary_domain = "py"
nitpicky = True
nitpick_ignore_regex = [
    # No network while building, so the standard library's documentation cannot be linked.
    ("py:.*", r"(collections\.abc\.|typing\.)?(Callable|Iterable|Mapping|Self|Literal|Any)"),
    ("py:.*", r"(abc\.ABC|enum\.StrEnum|Exception|RuntimeError|TypeError|ValueError)"),
    ("py:.*", r"(bool|bytearray|bytes|dict|frozenset|int|list|memoryview|object|str|tuple|type|Ellipsis)"),
    # The same for construct.
    ("py:.*", r"construct\..*"),
    # And for hypothesis, and for what the kit keeps to itself.
    ("py:.*", r"(hypothesis\.strategies\.|st\.)?SearchStrategy|hypothesis\..*"),
    ("py:.*", r"(pathlib\.)?Path|Message|Source"),
    # Names of what a few strings may be, which the pages list.
    ("py:.*", r"Duplicates|FieldType"),
]

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False

smartquotes = False  # "" in a docstring is code

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

_PACKAGE = "metaprotocol_sdk"


def _find_attribute_docstrings(package_name: str) -> None:
    """Let autodoc find the strings below attributes, although public names say that they are of the package."""
    package = ModuleAnalyzer.for_module(package_name)
    package.analyze()
    for module in pkgutil.iter_modules(importlib.import_module(package_name).__path__, f"{package_name}."):
        if not module.ispkg:
            part = ModuleAnalyzer.for_module(module.name)
            part.analyze()
            package.attr_docs |= part.attr_docs
            first = len(package.tagorder)
            package.tagorder |= {name: first + place for name, place in part.tagorder.items()}


_find_attribute_docstrings(_PACKAGE)
_find_attribute_docstrings(f"{_PACKAGE}.testing")
_attributes: dict[str, list[str]] = {}


def _known(name: str, owner: object) -> str:
    """Return the full name of what a docstring calls `name`, or "" if it's nothing of the SDK."""
    found: Any = metaprotocol_sdk
    first, *rest = name.split(".")
    if first not in metaprotocol_sdk.__all__:
        if not (inspect.isclass(owner) and owner.__name__ in metaprotocol_sdk.__all__):
            return ""
        first, rest, name = owner.__name__, [first, *rest], f"{owner.__name__}.{name}"
    for part in [first, *rest]:
        annotated = part in getattr(found, "__annotations__", ())
        if not annotated and not hasattr(found, part):
            return ""
        found = getattr(found, part, None)
    return f"{_PACKAGE}.{name}"


def _link_names(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn `this` in a docstring into a link where it names a part of the SDK, and into code elsewhere."""
    owner = getattr(metaprotocol_sdk, name.split(".")[1], None) if "." in name else None

    def replace(match: re.Match[str]) -> str:
        text = match[1]
        target = _known(text, owner) if re.fullmatch(r"[\w.]+", text) else ""
        return f":py:obj:`{text} <{target}>`" if target and target != name else f"``{text}``"

    for number, line in enumerate(lines):
        lines[number] = re.sub(r"(?<![`:])`([^`]+)`(?!`)", replace, line)
    if what == "attribute":
        _attributes[name] = lines.copy()


def _keep_colons(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Undo napoleon on an attribute: it takes what stands before a colon in the first line for a type."""
    if what == "attribute":
        lines[:] = _attributes.pop(name)


def _short_defaults(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A default that attrs computes is shown as three dots."""
    return signature and signature.replace("NOTHING", "..."), returns


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Element | None:
    """Find what is documented under its public name, or, for a field without an entry of its own, its class."""
    if node.get("refdomain") != "py":
        return None
    target = re.sub(rf"^{_PACKAGE}\.(testing\.)?(_\w+\.)*", "", node["reftarget"])
    domain = env.domains.python_domain
    names = [name for name in (target, target.rpartition(".")[0]) if name]
    for full in [f"{package}.{name}" for name in names for package in (_PACKAGE, f"{_PACKAGE}.testing")]:
        if full in domain.objects:
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", full, node, content)
    return None


def setup(app: Sphinx) -> None:
    """Connect the handlers above."""
    app.connect("autodoc-process-docstring", _link_names, priority=400)
    app.connect("autodoc-process-docstring", _keep_colons, priority=600)
    app.connect("autodoc-process-signature", _short_defaults)
    app.connect("missing-reference", _resolve)
