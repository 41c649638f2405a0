"""The codecs on the pages about streams and connections have the properties that a proxy relies on."""

from pathlib import Path

import pytest
from documents import evaluate, parse

from metaprotocol_sdk.testing import EFFORTS, Subject, check

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts"
# The others, such as those about cost, need a second and more for each codec.
GROUPS = (
    "AFTERMATH",
    "CLAIM",
    "COMPLETE",
    "CONNECTION",
    "CONVERSATION",
    "FAILURE",
    "HEARTBEAT",
    "ID",
    "IDENTITY",
    "MESSAGE",
    "MULTIPLEX",
    "REPLY",
)


class _NoConsole:
    def path(self, name: str) -> Path:
        raise NotImplementedError

    def run(self, command: str, expected: str) -> tuple[str, int] | None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("streams", "TideCodec"),
        ("connections", "QuillCodec"),
        ("connections", "QuillInPartsCodec"),
        ("connections", "ParleyCodec"),
    ],
)
def test_the_codec_has_the_properties_that_a_proxy_relies_on(page: str, name: str) -> None:
    document = parse(CONCEPTS / f"{page}.md")
    evaluate(document, _NoConsole())
    subject = Subject(document.namespace[name], effort=EFFORTS["quick"])
    report = check(subject, [f"MP-{group}-*" for group in GROUPS], stop=False)
    assert [f"{result.property.id}: {result.diagnosis}" for result in report.bad(strict=True)] == []
