"""The names of the project, its package and its codec."""

from __future__ import annotations

import keyword
import re
import sys
from typing import Self

from attrs import frozen

from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_sdk import available_codecs

# templates/awesomerpc/hooks has the same rules, for cookiecutter.
# A Kubernetes port name is a DNS label of at most 63 characters, of which Aeraki's "tcp-metaprotocol-" takes 17;
# Istio's "http-" takes 5.
_CODEC = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?")
# The names of the packaging specification, in their normalised form.
_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?")
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = frozenset(sys.stdlib_module_names) | {
    "attrs",
    "construct",
    "hypothesis",
    "metaprotocol_cli",
    "metaprotocol_codecs",
    "metaprotocol_proxy",
    "metaprotocol_sdk",
    "pytest",
    "tests",
}


@frozen
class Names:
    """The names of a project.

    Args:
        name: The codec's, a DNS label: "acme-rpc".
        project: The distribution's, and its folder's: "acme-rpc-codec".
        package: The Python package's: "acme_rpc_codec".
        author: The holder of the copyright.
    """

    name: str
    project: str
    package: str
    author: str

    @classmethod
    def of(cls, name: str, project: str | None = None, package: str | None = None, author: str | None = None) -> Self:
        """Return the names of a codec's project; those that are not given follow from the codec's name.

        Raises:
            AnswersError: A name is not valid.
        """
        project = project or (name if name.endswith("-codec") else f"{name}-codec")
        if package is None:
            package = project.replace("-", "_")
            package = f"codec_{package.removesuffix('_codec')}" if package[:1].isdigit() else package
        names = cls(name, project, package, author or f"The {name} authors")
        if problems := [*names._problems()]:
            raise AnswersError(*problems)
        return names

    @property
    def codec_class(self) -> str:
        """The codec's class: "AcmeRpcCodec"."""
        # As cookiecutter.json has it: {{ cookiecutter.name.title() ... }}.
        stem = self.name.title().replace("-", "")
        return f"{'Rpc' if stem[0].isdigit() else ''}{stem.removesuffix('Codec') or stem}Codec"

    def _problems(self) -> list[str]:
        problems: list[str] = []
        if not _CODEC.fullmatch(self.name):
            problems.append(
                f"the name {self.name!r} is not a DNS label: lower-case letters, digits and inner hyphens, at most 46 "
                f"characters, since it becomes part of a port's name in the mesh{_proposal(self.name)}"
            )
            return problems  # the others follow from it
        problems += [
            f"the name {self.name!r} is taken: {codec.origin} has a codec of this name"
            for codec in available_codecs()
            if codec.name == self.name and codec.distribution != self.project
        ]
        if not _PROJECT.fullmatch(self.project):
            problems.append(
                f"the project {self.project!r} is not a name for a distribution: lower-case letters, digits and inner "
                "hyphens, at most 52 characters"
            )
        if keyword.iskeyword(self.package) or keyword.issoftkeyword(self.package):
            problems.append(f"the package {self.package!r} has the name of a Python keyword")
        elif self.package in _TAKEN:
            problems.append(f"the package {self.package!r} would hide a module of this name")
        elif not _PACKAGE.fullmatch(self.package):
            problems.append(
                f"the package {self.package!r} is not a name for a Python package: lower-case letters, digits and "
                "underscores, a letter first"
            )
        author = self.author
        if not author.strip() or not author.isprintable() or len(author) > 100 or not {'"', "\\"}.isdisjoint(author):
            problems.append("the author is one line of 1 to 100 characters, without double quotes and backslashes")
        return problems


def _proposal(name: str) -> str:
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"; {label} is one" if _CODEC.fullmatch(label) else ""
