"""A Thrift library as tests see it: something to install, and programs to start."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

from peers.cache import ROOT, NotInstalled, installed, run, tool

INTEROP = ROOT / "tests" / "interop" / "thrift"
IDL = INTEROP / "peers.thrift"
PROGRAMS = INTEROP / "programs"

ROLES = ("client", "server")


@cache
def compiler_version() -> str:
    """Return the version of the Thrift compiler.

    Raises:
        NotInstalled: There is none.
    """
    return run([_compiler(), "--version"], Path.cwd()).split()[-1]


def generate(language: str, folder: Path) -> None:
    """Make the code of the IDL, in a folder `gen-…` of the folder given.

    Raises:
        NotInstalled: There is no compiler, or it does not know the language.
    """
    run([_compiler(), "-r", "-o", folder, "--gen", language, IDL], folder)


def _compiler() -> str:
    try:
        return tool("thrift")
    except NotInstalled:
        raise NotInstalled("the Thrift compiler is not installed") from None


class Library(ABC):
    """A Thrift library with a client and a server of ours."""

    key: ClassVar[str]
    """Its name here; `programs` has a folder of it."""
    name: ClassVar[str]
    """Its name in the table of peers."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Of the library.

        Raises:
            NotInstalled: It is not known before something is installed, which is not there.
        """

    @property
    def sources(self) -> list[Path]:
        """Our programs."""
        return sorted(path for path in (PROGRAMS / self.key).iterdir() if path.is_file())

    def folder(self) -> Path:
        """Return where it is installed; install it if need be.

        Raises:
            NotInstalled: Something that it needs is missing, or an installer failed.
        """
        return installed(f"thrift-{self.key}", [self.version, compiler_version(), IDL, *self.sources], self.install)

    @abstractmethod
    def install(self, folder: Path) -> None:
        """Install library and programs into an empty folder.

        Raises:
            NotInstalled: Something that it needs is missing, or an installer failed.
        """

    @abstractmethod
    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        """Return how to start the program of a role, without its arguments."""

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Return the variables that its programs need."""
        return {}
