"""The conformance kit as a pytest plugin: `pytest --metaprotocol-codec NAME` checks a codec without any test file.

pytest imports this module in every run, so it is by itself and imports nothing of ours until it is used: what a plugin
imports is imported before coverage begins to measure.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk.testing import Property, Result, Subject


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("metaprotocol", "conformance of codecs")
    group.addoption(
        "--metaprotocol-codec",
        action="append",
        default=[],
        metavar="NAME",
        help="hold this codec (a name, or package.module:Class) to the properties of the conformance kit; repeatable",
    )
    group.addoption(
        "--metaprotocol-effort",
        choices=["quick", "default", "thorough"],
        default="default",
        help="how many cases the conformance kit tries",
    )
    group.addoption(
        "--metaprotocol-strict", action="store_true", help="require the recommended properties of the kit too"
    )
    parser.addini("metaprotocol_codecs", "codecs that every run checks, one a line", type="linelist")
    parser.addini("metaprotocol_deviations", "known deviations, one a line: CODEC ID REASON", type="linelist")


def _names(config: pytest.Config) -> list[str]:
    named: list[str] = config.getini("metaprotocol_codecs")
    return list(dict.fromkeys([*named, *(config.getoption("metaprotocol_codec") or ())]))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is checked, and by which version of the kit."""
    version = importlib.metadata.version("metaprotocol-sdk")
    effort = config.getoption("metaprotocol_effort")
    return [f"metaprotocol: codec {name}, kit {version}, effort {effort}" for name in _names(config)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each property of each codec."""
    for name in _names(config):
        items.extend(_Codec.from_parent(session, name=name).collect())


class _Codec(pytest.Collector):
    """A codec: it has an item for each property."""

    def __init__(self, name: str, parent: pytest.Session, **kwargs: Any) -> None:
        from metaprotocol_sdk import MetaProtocolError, load_codec_class
        from metaprotocol_sdk.testing import EFFORTS, Subject, provided_messages

        super().__init__(name=name, parent=parent, nodeid=f"metaprotocol-codec::{name}", **kwargs)
        effort = EFFORTS[str(self.config.getoption("metaprotocol_effort"))]
        try:
            self.subject: Subject = Subject(load_codec_class(name), effort=effort)
            if self.subject.can_be_made:  # else a property says why not
                self.subject.messages = provided_messages(name, self.subject.codec)
            self.deviations = self._deviations()
        except (MetaProtocolError, ValueError) as error:
            raise pytest.UsageError(f"--metaprotocol-codec {name}: {error}") from error
        self.results: list[Result] = []

    def _deviations(self) -> dict[str, str]:
        from metaprotocol_sdk.testing import checked_deviations

        declared: dict[str, str] = {}
        for line in self.config.getini("metaprotocol_deviations"):
            name, _, rest = line.partition(" ")
            id_, _, reason = rest.strip().partition(" ")
            if name == self.name:
                declared[id_] = reason
        return checked_deviations(declared)

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the items."""
        from metaprotocol_sdk.testing import catalogue

        for found in catalogue():
            yield _Item.from_parent(self, name=found.id, codec=self, found=found)


class _Item(pytest.Item):
    """A property of a codec."""

    def __init__(self, *, codec: _Codec, found: Property, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._codec = codec
        self._found = found

    def runtest(self) -> None:
        """Try the property."""
        from metaprotocol_sdk.testing import Verdict, Violation, explain, try_property

        codec = self._codec
        result = try_property(codec.subject, self._found, codec.results, codec.deviations)
        codec.results.append(result)
        strict = bool(self.config.getoption("metaprotocol_strict"))
        if result.is_bad(strict=strict):
            before = [other for other in codec.results[:-1] if other.is_bad(strict=strict)]
            raise Violation(explain(codec.subject, result, before), result.case) from result.cause
        if result.verdict is not Verdict.HOLDS:
            pytest.skip(f"{result.label()}: {result.diagnosis}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what the kit has to say, without the kit's own frames."""
        from metaprotocol_sdk.testing import Violation

        if isinstance(excinfo.value, Violation):
            return excinfo.value.diagnosis
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say where the item is: nowhere, so under the codec's name."""
        return Path(self.config.rootpath), None, self.nodeid
