"""Java's hessian-lite as an oracle: fetched, compiled and started once, and asked line by line."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers.cache import NotInstalled, installed
from peers.maven import compile_java, copy_artifact, java
from peers.register import count_calls
from required import require

# What Dubbo 3 brings along, and what Dubbo 2.7 does.
_ARTIFACTS = {"4": "org.apache.dubbo:hessian-lite:4.0.4", "3": "com.alibaba:hessian-lite:3.2.13"}
_SOURCE = Path(__file__).parent / "Oracle.java"
# hessian-lite sets private fields of exceptions; Java 17 allows that only where it is told to.
_OPEN = ["--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED"]


class Oracle:
    """A running Oracle.java.

    Args:
        process: The process, which answers each line with a line.
        version: Of hessian-lite.
    """

    def __init__(self, process: subprocess.Popen[str], version: str) -> None:
        self._process = process
        self._version = version

    def ask(self, data: bytes) -> tuple[str, bytes]:
        """Return what Java makes of a value in words, and the bytes in which it writes it again."""
        question, answers = self._process.stdin, self._process.stdout
        question.write(data.hex() + "\n")
        question.flush()
        outcome, _, rest = answers.readline().rstrip("\n").partition(" ")
        assert outcome == "ok", f"Java does not read {data[:200].hex()}: {rest or 'it has ended'}"
        count_calls("hessian-lite", self._version, "codec")
        words, _, written = rest.partition(" ")
        return words, bytes.fromhex(written)


@pytest.fixture(scope="session", params=sorted(_ARTIFACTS, reverse=True), ids="hessian-lite {}".format)
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    artifact = _ARTIFACTS[request.param]
    try:
        folder = _install(artifact)
    except NotInstalled as error:
        require("interop", f"{artifact}: {error}")
    with (
        (tmp_path_factory.mktemp("hessian-lite") / "stderr").open("w") as stderr,
        subprocess.Popen(
            [java(), *_OPEN, "-cp", "jars/*:classes", "Oracle"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        yield Oracle(process, artifact.rpartition(":")[2])
        process.stdin.close()
        process.wait(timeout=60)


def _install(artifact: str) -> Path:
    java()

    def install(folder: Path) -> None:
        copy_artifact(artifact, folder / "jars")
        compile_java([_SOURCE], folder / "jars", folder / "classes")

    return installed(f"hessian-lite-{artifact.rpartition(':')[2]}", [artifact, _SOURCE], install)
