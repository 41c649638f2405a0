"""What is to be done, as the command line says it; it crosses from one process to another as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

if TYPE_CHECKING:
    from metaprotocol_sdk.testing import Subject


@frozen
class Plan:
    """What is to be fuzzed, how long, and where things are kept.

    Args:
        codec: The codec's name, or package.module:Class.
        options: Its options, each as KEY=VALUE.
        vectors: Recorded streams.
        seconds: How long, or None.
        runs: How many inputs, or None.
        seed: Where chance begins.
        corpus: A folder of inputs to begin with, in which new kinds of inputs are kept; None keeps them in memory.
        crashes: The folder for inputs that something was found with.
    """

    codec: str
    options: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    seconds: float | None = None
    runs: int | None = None
    seed: int = 0
    corpus: Path | None = None
    crashes: Path = Path("crashes")

    def subject(self) -> Subject:
        """Return the codec under test, one object for all connections, as a proxy has it.

        Raises:
            RegistryError: There is no such codec, or it does not take these options.
            click.UsageError: The options or the recorded streams cannot be had.
        """
        from metaprotocol_cli.check.subject import subject_from
        from metaprotocol_sdk.testing.fuzzing import FUZZ

        subject = subject_from(self.codec, self.options, None, self.vectors, "default")
        codec = subject.make()
        subject.make = lambda: codec
        subject.effort = FUZZ
        return subject

    def to_json(self) -> str:
        """Return it as JSON, for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that another process has written."""
        values: dict[str, Any] = json.loads(text)
        corpus = None if values["corpus"] is None else Path(values["corpus"])
        lists = {name: tuple(values[name]) for name in ("options", "vectors")}
        return cls(**{**values, **lists, "corpus": corpus, "crashes": Path(values["crashes"])})
