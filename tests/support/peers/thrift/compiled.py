"""The Thrift libraries of Go, Java and C++."""

import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peers.cache import NotInstalled, run, tool
from peers.maven import copy_artifact, java
from peers.thrift.library import PROGRAMS, Library, generate


class GoThrift(Library):
    key = "go"
    name = "thrift (Go)"

    @property
    def version(self) -> str:
        module = (PROGRAMS / self.key / "go.mod").read_text("utf-8")
        return re.search(r"github.com/apache/thrift v(\S+)", module)[1]

    def install(self, folder: Path) -> None:
        for source in self.sources:  # the generated code has to be inside the module
            shutil.copy(source, folder)
        generate("go", folder)
        for remote in (folder / "gen-go" / "peers").glob("*-remote"):  # programs that nobody asked for
            shutil.rmtree(remote)
        run([tool("go"), "build", "-o", "peer", "."], folder)

    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        return [folder / "peer", role]


class JavaThrift(Library):
    key = "java"
    name = "thrift (Java)"
    # Of the compiler's version: what it generates does not compile with 0.25.
    version = "0.17.0"

    def install(self, folder: Path) -> None:
        java()
        for artifact in (f"org.apache.thrift:libthrift:{self.version}", "org.slf4j:slf4j-api:2.0.17"):
            copy_artifact(artifact, folder / "jars")
        generate("java:generated_annotations=suppress", folder)
        sources = [*folder.rglob("gen-java/**/*.java"), *self.sources]
        javac = [tool("javac"), "-nowarn", "-encoding", "UTF-8", "-cp", "jars/*", "-d", "classes"]
        run([*javac, *sources], folder)

    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        quick = ["-Xmx256m", "-XX:TieredStopAtLevel=1"]
        return [java(), *quick, "-cp", f"{folder / 'jars'}/*:{folder / 'classes'}", role.capitalize()]


class CppThrift(Library):
    key = "cpp"
    name = "thrift (C++)"

    @property
    def version(self) -> str:
        header = Path("/usr/include/thrift/config.h")
        if not header.is_file():
            raise NotInstalled("Debian's libthrift-dev is not installed")
        return re.search(r'PACKAGE_VERSION "(.+)"', header.read_text("utf-8"))[1]

    def install(self, folder: Path) -> None:
        compiler = [tool("g++"), "-std=c++17", f"-I{folder}"]
        generate("cpp", folder)
        for skeleton in (folder / "gen-cpp").glob("*.skeleton.cpp"):
            skeleton.unlink()
        for source in self.sources:
            shutil.copy(source, folder)
        sources = sorted(folder.rglob("*.cpp"))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(
                pool.map(lambda source: run([*compiler, "-c", source, "-o", source.with_suffix(".o")], folder), sources)
            )
        shared = sorted((folder / "gen-cpp").glob("*.o"))
        for role in ("client", "server"):
            run([*compiler, folder / f"{role}.o", *shared, "-lthrift", "-lthriftz", "-o", role], folder)

    def command(self, folder: Path, role: str) -> Sequence[str | Path]:
        return [folder / role]
