"""Apache Dubbo Java, both sides: our small programs of tests/interop/dubbo/java, compiled against the real jars."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from attrs import frozen
from required import require

from peers.cache import ROOT, NotInstalled, installed
from peers.maven import compile_java, copy_dependencies, java
from peers.processes import PeerProcess
from peers.register import count_calls

SERVICE = "org.example.interop.DemoService"
_PROJECT = ROOT / "tests" / "interop" / "dubbo" / "java"
# What Dubbo's serializations open by reflection, which Java 17 allows only where it is told to.
_PACKAGES = ["lang", "util", "math", "io", "net", "nio", "text", "time", "util.concurrent"]


@frozen
class DubboVersion:
    """A version of Apache Dubbo Java.

    Args:
        number: As Maven knows it.
        profile: What goes with it, in pom.xml.
        serializations: Those that this version ships or that go with it; hessian2 is the first.
        settings: Java properties that this version needs.
        package: Where its classes are.
        has_futures: Whether a method may return a CompletableFuture.
    """

    number: str
    profile: str
    serializations: tuple[str, ...]
    settings: tuple[str, ...] = ()
    package: str = "org.apache.dubbo"
    has_futures: bool = True

    @property
    def rpc_exception(self) -> str:
        """The class of the exceptions that are not the service's own."""
        return f"{self.package}.rpc.RpcException"


_NO_REGISTRY = ("-Ddubbo.registry.address=N/A",)
DUBBO_2_6 = DubboVersion(
    "2.6.12", "dubbo-2.6", ("hessian2",), _NO_REGISTRY, package="com.alibaba.dubbo", has_futures=False
)
DUBBO_2_7 = DubboVersion("2.7.23", "dubbo-2.7", ("hessian2", "fastjson", "kryo", "nativejava"), _NO_REGISTRY)
# With an address, even of no registry, Dubbo 3 opens a port for its metadata.
DUBBO_3 = DubboVersion("3.3.6", "dubbo-3", ("hessian2", "fastjson2", "nativejava"))
# The first line of versions that speaks fastjson2 by default.
DUBBO_3_2 = DubboVersion("3.2.16", "dubbo-3", ("hessian2", "fastjson2"))
VERSIONS = (DUBBO_2_6, DUBBO_2_7, DUBBO_3)


def install_java(version: DubboVersion) -> Path:
    """Return the folder with the jars and our classes.

    Raises:
        NotInstalled: Java or Maven is missing, or the jars cannot be had.
    """
    java()
    pom, sources = _PROJECT / "pom.xml", sorted(_PROJECT.rglob("*.java"))

    def install(folder: Path) -> None:
        copy_dependencies(pom, [f"-P{version.profile}", f"-Ddubbo.version={version.number}"], folder / "jars")
        (folder / "sources").mkdir()
        for source in sources:
            text = source.read_text("utf-8").replace("org.apache.dubbo", version.package)
            (folder / "sources" / source.name).write_text(text, "utf-8")
        compile_java(sorted((folder / "sources").iterdir()), folder / "jars", folder / "classes")
        # Dubbo replaces 127.0.0.1 by an address of the machine that others can reach; a name it leaves alone.
        (folder / "hosts").write_text(f"127.0.0.1 dubbo.test {os.uname().nodename}\n", "ascii")

    return installed(f"dubbo-java-{version.number}", [version.number, version.package, pom, *sources], install)


def required(version: DubboVersion) -> DubboVersion:
    """Return the version, installed; without it the running test is skipped, or fails where it must not be."""
    try:
        install_java(version)
    except NotInstalled as error:
        require("interop", f"Apache Dubbo Java {version.number}: {error}")
    return version


class _JavaProgram(PeerProcess):
    def __init__(
        self, version: DubboVersion, program: str, arguments: Sequence[str], log: Path, settings: Sequence[str] = ()
    ) -> None:
        folder = install_java(version)
        options = [
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",  # quick to start
            "-Djava.net.preferIPv4Stack=true",
            "-Djdk.net.hosts.file=hosts",  # no other name is looked up
            "-DDUBBO_IP_TO_BIND=dubbo.test",
            *version.settings,
            *settings,
        ]
        for package in _PACKAGES:
            options += ["--add-opens", f"java.base/java.{package}=ALL-UNNAMED"]
        command = [java(), *options, "-cp", "classes:jars/*", f"org.example.interop.{program}", *arguments]
        super().__init__(command, log, folder)
        self.version = version


class JavaProvider(_JavaProgram):
    """A running Provider.java.

    Args:
        version: Of Dubbo.
        folder: For its log.
        serializations: Those that it offers; by default all that its version has.
        heartbeat: Milliseconds after which it sends a heartbeat, or gives up; by default a minute.
    """

    def __init__(
        self, version: DubboVersion, folder: Path, serializations: Sequence[str] = (), heartbeat: int = 60_000
    ) -> None:
        log, setting = folder / "provider.log", f"-Dinterop.heartbeat={heartbeat}"
        super().__init__(version, "Provider", serializations or version.serializations, log, [setting])
        self.ports: dict[str, int] = {}
        """The ports on which it listens, by serialization."""

    def ready(self, first: dict[str, Any]) -> None:
        """Take the ports."""
        self.ports = first["listening"]

    def next_call(self) -> dict[str, Any]:
        """Return what it was called with next: `called`, the method, and `attachments`."""
        call = self.report()
        count_calls("Apache Dubbo Java", self.version.number, "server", "called" in call)
        return call

    def forget(self) -> None:
        """Drop what it has reported so far."""
        self.send("here")
        while "mark" not in self.next_call():
            pass


class JavaConsumer(_JavaProgram):
    """A running Consumer.java.

    Args:
        version: Of Dubbo.
        folder: For its log.
        address: Of this machine, which its clients dial.
    """

    def __init__(self, version: DubboVersion, folder: Path, address: str = "127.0.0.1") -> None:
        hosts = folder / "hosts"
        hosts.write_text(f"{address} dubbo.test {os.uname().nodename}\n", "ascii")
        super().__init__(version, "Consumer", (), folder / "consumer.log", [f"-Djdk.net.hosts.file={hosts}"])
        self._clients = 0

    def ask(self, *words: str) -> dict[str, Any]:
        """Give a command and return the answer.

        Raises:
            AssertionError: It does not know the command, or could not carry it out.
        """
        self.send("\t".join(words))
        answer = self.report()
        assert "mistake" not in answer, f"{words}: {answer['mistake']}"
        return answer

    def client(self, port: int, **parameters: str | int) -> "JavaClient":
        """Return a client on a connection of its own; the parameters are those of a Dubbo URL."""
        self._clients += 1
        return JavaClient(self, f"client{self._clients}", port, parameters)


class JavaClient:
    """One client in a consumer; it ends with its `with` block.

    Args:
        consumer: Where it lives.
        name: What the consumer calls it.
        port: Of the provider, or of a relay before it.
        parameters: Of the URL.
    """

    def __init__(self, consumer: JavaConsumer, name: str, port: int, parameters: dict[str, str | int]) -> None:
        self._consumer, self._name = consumer, name
        serialization = parameters.get("serialization")
        if serialization:  # Dubbo 3 prefers its own choice
            parameters = {**parameters, "prefer.serialization": serialization}
        consumer.ask("connect", name, str(port), *(f"{key}={value}" for key, value in parameters.items()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.ask("disconnect", self._name)

    def call(self, method: str, argument: str = "", **attachments: str) -> dict[str, Any]:
        """Call, and return what came of it.

        Returns:
            `same`, whether the answer is what was sent, or `exception`, `message` and perhaps `code`; `id`, the number
            of the request, and `ids`, how many numbers it took; `attachments`, those of the response.
        """
        words = ["call", self._name, method]
        words += [argument] if argument else []
        outcome: dict[str, Any] = self._consumer.ask(*words, *(f"+{k}={v}" for k, v in attachments.items()))["outcome"]
        outcome["id"] %= 2**64  # Java has no unsigned long
        count_calls("Apache Dubbo Java", self._consumer.version.number, "client", outcome["ids"])
        return outcome


EXCEPTIONS = [
    ("checked", "org.example.interop.Trouble"),
    ("runtime", "java.lang.IllegalStateException"),
    ("own", "org.example.interop.Trouble$Unchecked"),
]
"""The kinds of exception that the service throws, and the class of each."""


def assert_both_sides_see_what_is_added(call, consumer: JavaConsumer, provider: JavaProvider, port: int, served: str):
    """Make a call through something that adds `x-zone: eu-1` to requests and `x-served-by` to responses.

    Args:
        call: The method, its argument, and the parameters of the client.
        consumer: The caller.
        provider: The service that is called.
        port: The port of what stands between.
        served: The value of `x-served-by`.
    """
    method, argument, parameters = call
    with consumer.client(port, **parameters) as client:
        outcome = client.call(method, argument, mine="kept")
    assert outcome.get("same") is True, outcome
    assert outcome["attachments"]["x-served-by"] == served
    seen = provider.next_call()
    assert seen["called"] == method
    assert (seen["attachments"]["x-zone"], seen["attachments"]["mine"]) == ("eu-1", "kept")
