"""The plan of a run, from the command line; it goes from one process to another as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

if TYPE_CHECKING:
    from metaprotocol_sdk.testing import Subject


@frozen
class Plan:
    """The codec to fuzz, the limits of the run, and its folders.

    Args:
        codec: The codec's name, or package.module:Class.
        options: Its options, each as KEY=VALUE.
        vectors: Recorded streams.
        seconds: The time to fuzz; None for no limit.
        runs: The number of inputs; None for no limit.
        seed: The seed of the random numbers.
        corpus: A folder of inputs to begin with, in which new kinds of inputs are kept; None keeps them in memory.
        crashes: The folder for inputs that show a fault.
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
            click.UsageError: The options or the recorded streams cannot be used.
        """
        from metaprotocol_cli.check.subject import subject_from
        from metaprotocol_sdk.testing.fuzzing import FUZZ

        subject = subject_from(self.codec, self.options, None, self.vectors, "default")
        codec = subject.make()
        subject.make = lambda: codec
        subject.effort = FUZZ
        return subject

    def to_json(self) -> str:
        """Return the plan as JSON, for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that another process has written."""
        values: dict[str, Any] = json.loads(text)
        corpus = None if values["corpus"] is None else Path(values["corpus"])
        lists = {name: tuple(values[name]) for name in ("options", "vectors")}
        return cls(**{**values, **lists, "corpus": corpus, "crashes": Path(values["crashes"])})
