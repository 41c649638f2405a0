"""The libraries, and a running server of one."""

from pathlib import Path
from typing import Self

from peers.processes import PeerProcess
from peers.thrift.compiled import CppThrift, GoThrift, JavaThrift
from peers.thrift.library import Library
from peers.thrift.scripted import NodeThrift, PythonThrift, Thriftpy2
from peers.thrift.stacks import Stack

LIBRARIES: dict[str, Library] = {
    library.key: library
    for library in (PythonThrift(), Thriftpy2(), NodeThrift(), GoThrift(), JavaThrift(), CppThrift())
}


class Server(PeerProcess):
    """A server of a library, which stops with its `with` block.

    Args:
        library: The library's key.
        stack: What it speaks.
        log: The file for what it prints to standard error.
    """

    def __init__(self, library: str, stack: Stack, log: Path) -> None:
        self.library = LIBRARIES[library]
        folder = self.library.folder()
        command = [*self.library.command(folder, "server"), *stack.arguments]
        super().__init__(command, log, folder, self.library.environment(folder))
        self.port = 0
        """The port of 127.0.0.1 on which it listens."""

    def __enter__(self) -> Self:
        try:
            self.port = self.report()["listening"]
        except BaseException:
            self.stop()
            raise
        return self
