"""Runs a target: under atheris where it is installed, else with the mutator of the kit."""

import argparse
import contextlib
import hashlib
import importlib.util
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
VECTORS = HERE.parent / "tests" / "vectors"
_LONGEST = 4 * 1024
_LONG = 20  # seconds after which an input counts as endless


class Target(ABC):
    """Something that takes any bytes, and has an invariant."""

    name: str

    @abstractmethod
    def seeds(self) -> list[bytes]:
        """Return what to begin with."""

    def tokens(self) -> list[bytes]:
        """Return bytes that mean something."""
        return []

    @abstractmethod
    def one_input(self, data: bytes) -> object:
        """Return what kind of input it is.

        Raises:
            Exception: The invariant does not hold.
        """


def has_atheris() -> bool:
    """Return whether atheris is installed, and the command line does not say to do without."""
    return importlib.util.find_spec("atheris") is not None and "--without-atheris" not in sys.argv


@contextlib.contextmanager
def instrumented() -> Iterator[None]:
    """Let atheris see the code of what is imported, and of what that imports of ours."""
    if not has_atheris():
        yield
        return
    import atheris

    with atheris.instrument_imports(include=["metaprotocol_codecs"], enable_loader_override=False):
        yield


def recorded(name: str) -> list[bytes]:
    """Return the beginnings of the recorded streams of a protocol, each of a length that can be changed well."""
    return [path.read_bytes()[:_LONGEST] for path in sorted((VECTORS / name).glob("*.bin"))]


def main(target: Target) -> None:
    """Run a target as the command line says; what is not known here goes to libFuzzer."""
    parser = argparse.ArgumentParser(description=f"Fuzzes {target.name}.")
    parser.add_argument("--time", type=float, default=60.0, metavar="SECONDS", help="how long")
    parser.add_argument("--runs", type=int, default=0, metavar="COUNT", help="how many inputs; 0 sets no bound")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins")
    parser.add_argument("--without-atheris", action="store_true", help="use the mutator of the kit")
    parser.add_argument("--crashes", type=Path, default=Path("crashes"), metavar="DIR", help="where inputs are saved")
    options, rest = parser.parse_known_args()
    options.crashes.mkdir(parents=True, exist_ok=True)
    if has_atheris():
        _guided(target, options, rest)
    else:
        _mutated(target, options)


def _guided(target: Target, options: argparse.Namespace, rest: list[str]) -> None:
    import atheris

    corpus = HERE / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    arguments = [f"-max_total_time={options.time:.0f}", f"-runs={options.runs or -1}", f"-seed={options.seed}"]
    arguments += [f"-artifact_prefix={options.crashes}/", f"-max_len={_LONGEST}", f"-timeout={_LONG}"]
    dictionary = HERE / "dictionaries" / f"{target.name}.dict"
    if dictionary.exists():
        arguments.append(f"-dict={dictionary}")
    atheris.Setup([sys.argv[0], *arguments, *rest, str(corpus)], lambda data: target.one_input(data) and None)
    atheris.Fuzz()


def _mutated(target: Target, options: argparse.Namespace) -> None:
    from metaprotocol_sdk.testing.fuzzing import CHANGES, Endless, Material, watchdog

    random, started, count = Random(options.seed), time.monotonic(), 0
    kinds: set[object] = set()
    kept: list[bytes] = []
    waiting = target.seeds()
    tokens = target.tokens() or [b"\0"]
    with watchdog(_LONG) as limit:
        while count != options.runs and time.monotonic() - started < options.time:
            if waiting:
                data = waiting.pop()
            else:
                material = Material(random.choice(kept), tokens)
                data = random.choice(CHANGES)(random.choice(kept), material, random)[:_LONGEST]
            count += 1
            try:
                with limit():
                    kind = target.one_input(data)
            except (Exception, Endless):
                path = options.crashes / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
                path.write_bytes(data)
                print(f"the invariant does not hold; the input is saved in {path}", file=sys.stderr)
                raise
            if kind not in kinds:
                kinds.add(kind)
                kept.append(data)
    print(f"{target.name}: {count:,} executions, {len(kinds):,} kinds of inputs, nothing found")
