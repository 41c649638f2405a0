"""Java's hessian-lite as an oracle: fetched, compiled and started once, and asked line by line."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from required import require

# What Dubbo 3 brings along, and what Dubbo 2.7 does.
_ARTIFACTS = {"4": "org.apache.dubbo:hessian-lite:4.0.4", "3": "com.alibaba:hessian-lite:3.2.13"}
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_SOURCE = Path(__file__).parent / "Oracle.java"
# hessian-lite sets private fields of exceptions; Java 17 allows that only where it is told to.
_OPEN = ["--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED"]


class Oracle:
    """A running Oracle.java.

    Args:
        process: The process, which answers each line with a line.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, data: bytes) -> tuple[str, bytes]:
        """Return what Java makes of a value in words, and the bytes in which it writes it again."""
        question, answers = self._process.stdin, self._process.stdout
        question.write(data.hex() + "\n")
        question.flush()
        outcome, _, rest = answers.readline().rstrip("\n").partition(" ")
        assert outcome == "ok", f"Java does not read {data[:200].hex()}: {rest or 'it has ended'}"
        words, _, written = rest.partition(" ")
        return words, bytes.fromhex(written)


@pytest.fixture(scope="session", params=sorted(_ARTIFACTS, reverse=True), ids="hessian-lite {}".format)
def oracle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    for command in ("java", "javac", "mvn"):
        if shutil.which(command) is None:
            require("interop", f"{command} is not installed")
    version = subprocess.run(["javac", "-version"], check=True, capture_output=True, text=True, timeout=60).stdout
    if int(version.split()[-1].split(".")[0]) < 17:
        require("interop", f"Java 17 or newer is needed, not {version.strip()}")
    folder = tmp_path_factory.mktemp("hessian-lite")
    artifact = _ARTIFACTS[request.param]
    jar = _fetch(artifact, folder)
    if jar is None:
        require("interop", f"{artifact} is neither in Maven's local repository nor to be had")
    subprocess.run(["javac", "-cp", jar, "-d", folder, _SOURCE], check=True, capture_output=True, timeout=300)
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(
            ["java", *_OPEN, "-cp", f"{jar}:{folder}", "Oracle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        yield Oracle(process)
        process.stdin.close()
        process.wait(timeout=60)


def _fetch(artifact: str, folder: Path) -> Path | None:
    for mode in (["--offline"], []):
        command = ["mvn", "-q", "-B", *mode, _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=300)
        for jar in folder.glob("hessian-lite-*.jar"):
            return jar
    return None
