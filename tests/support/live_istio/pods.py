"""Pods as a node has them: network namespaces, with the iptables rules that Istio gives to each.

A namespace here has no name. It ends with the last program and open file that is in it, so nothing of it is left
whatever happens to the test.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from programs import iptables
from required import require

from live_istio.programs import AGENT, program

PROXY_USER = 1337
"""Of the programs whose connections the rules leave alone."""

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_MINE = "/proc/thread-self/ns/net"


def _checked(function: Callable[..., Any], *arguments: int) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    """A network namespace. Its `with` block is its life.

    Raises:
        OSError: This machine does not allow one.
    """

    def __init__(self) -> None:
        with _kept():
            _checked(_LIBC.unshare, _CLONE_NEWNET)
            self._file = os.open(_MINE, os.O_RDONLY)

    @property
    def path(self) -> str:
        """Its file, for other programs."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this thread be in it: what it opens and starts in the block stays in it for good."""
        with _kept():
            _checked(_LIBC.setns, self._file, _CLONE_NEWNET)
            yield

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a program in it, and return its output.

        Raises:
            RuntimeError: It fails.
        """
        with self.entered():
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)


@contextmanager
def _kept() -> Iterator[None]:
    """Bring this thread back to the namespace in which it is now."""
    here = os.open(_MINE, os.O_RDONLY)
    try:
        yield
    finally:
        _checked(_LIBC.setns, here, _CLONE_NEWNET)
        os.close(here)


class Node:
    """The namespace of a node, which routes between its pods. Its `with` block is its life, and that of the pods.

    The test is skipped where there are no namespaces, or no iptables.
    """

    address = "10.244.0.1"
    """Of the node, for the pods."""

    def __init__(self) -> None:
        self._iptables = iptables()
        _probe(self._iptables)
        self._count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.namespace = stack.enter_context(Namespace())
            self.namespace.run("ip", "address", "add", f"{self.address}/32", "dev", "lo")
            self.namespace.run("ip", "link", "set", "lo", "up")
            with self.namespace.entered():
                Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def pod(self, *, captured: bool) -> "Pod":
        """Start a pod.

        Args:
            captured: Bring its connections to the ports of a proxy in it, as the init container of Istio does.
        """
        self._count += 1
        pod = self._stack.enter_context(Pod(f"10.244.{self._count}.2"))
        gateway, outer = f"10.244.{self._count}.1", f"pod{self._count}"
        inner = ("peer", "name", "eth0", "netns", pod.path)
        self.namespace.run("ip", "link", "add", outer, "type", "veth", *inner)
        self.namespace.run("ip", "address", "add", f"{gateway}/24", "dev", outer)
        self.namespace.run("ip", "link", "set", outer, "up")
        pod.run("ip", "link", "set", "lo", "up")
        pod.run("ip", "address", "add", f"{pod.ip}/24", "dev", "eth0")
        pod.run("ip", "link", "set", "eth0", "up")
        pod.run("ip", "route", "add", "default", "via", gateway)
        if captured:
            # The arguments of the container istio-init.
            rules = ["-p", "15001", "-z", "15006", "-u", str(PROXY_USER), "-m", "REDIRECT", "-i", "*", "-x", ""]
            rules += ["-b", "*", "-d", "15090,15021,15020"]
            pod.run(str(program(AGENT)), "istio-iptables", *rules, environment=self._iptables)
        return pod


class Pod(Namespace):
    """A pod.

    Args:
        ip: Its address.
    """

    def __init__(self, ip: str) -> None:
        super().__init__()
        self.ip = ip


def _probe(environment: Mapping[str, str]) -> None:
    """Skip the running test if this machine does not let it make namespaces, veth pairs and rules."""
    for name in ("ip", "setpriv"):
        if shutil.which(name) is None:
            require("iptables", f"there is no {name} here: Debian has it in iproute2 or util-linux")
    try:
        with Namespace() as first, Namespace() as second:
            first.run("ip", "link", "add", "outer", "type", "veth", "peer", "name", "inner", "netns", second.path)
            rule = ["-A", "OUTPUT", "-p", "tcp", "-m", "owner", "!", "--uid-owner", "1", "-j", "REDIRECT"]
            second.run("iptables-nft", "-t", "nat", *rule, "--to-ports", "1", environment=environment)
    except (OSError, RuntimeError) as error:
        pytest.skip(f"this machine does not allow network namespaces with iptables: {error}")
