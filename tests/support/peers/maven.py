"""Java libraries, fetched by Maven into its own local repository, which is the cache, and copied from there."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from peers.cache import NotInstalled, run, tool

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_OLDEST_JAVA = 17


@cache  # to ask takes a virtual machine to start
def java() -> str:
    """Return where Java is.

    Raises:
        NotInstalled: There is none, or it is too old.
    """
    said = run([tool("javac"), "-version"], Path.cwd()).split()
    if int(said[-1].split(".")[0]) < _OLDEST_JAVA:
        raise NotInstalled(f"Java {_OLDEST_JAVA} or newer is needed, not {said[-1]}")
    return tool("java")


def copy_artifact(artifact: str, folder: Path) -> None:
    """Put one jar, without what it depends on, into a folder.

    Args:
        artifact: GROUP:ARTIFACT:VERSION.
        folder: Where to.

    Raises:
        NotInstalled: Maven is missing, or cannot get it.
    """
    _maven([f"{_PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"], folder)


def copy_dependencies(pom: Path, arguments: Sequence[str], folder: Path) -> None:
    """Put the run-time dependencies of a project into a folder.

    Args:
        pom: The project.
        arguments: Profiles and properties for Maven.
        folder: Where to.

    Raises:
        NotInstalled: Maven is missing, or cannot get them.
    """
    goal = [f"{_PLUGIN}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    _maven(["-f", str(pom), *arguments, *goal], folder)


def compile_java(sources: Sequence[Path], libraries: Path, folder: Path) -> None:
    """Compile sources against the jars of a folder.

    Raises:
        NotInstalled: Java is missing, or refuses the sources.
    """
    run([tool("javac"), "-nowarn", "-cp", f"{libraries}/*", "-d", folder, *sources], folder)


def _maven(arguments: Sequence[str], folder: Path) -> None:
    maven = [tool("mvn"), "-q", "-B"]
    try:
        run([*maven, "--offline", *arguments], folder)
    except NotInstalled:  # not all is in the local repository
        run([*maven, *arguments], folder)
