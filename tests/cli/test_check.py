"""`metaprotocol check`: its table, its reports for machines, and its exit status."""

import json
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main

BROKEN = "mutants.changes:DropsTheMutation"
WITHOUT_NUMBERS = "mutants.replies:GivesEveryReasonTheSameNumber"
QUICK = ["--effort", "quick", "--only", "MP-MUTATION-00[1-3]", "--only", "MP-REPLY-007"]


def check(*arguments: str):
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_good_codec_gives_status_0_and_a_line_for_each_property() -> None:
    result = check("awesomerpc", *QUICK)
    assert result.exit_code == 0, result.output
    assert "claims: heartbeat, oneway, request_mutation, response_mutation" in result.output
    rows = [line.split()[:2] for line in result.output.splitlines() if line.startswith("MP-")]
    assert rows == [
        [name, "holds"] for name in ("MP-MUTATION-001", "MP-MUTATION-002", "MP-MUTATION-003", "MP-REPLY-007")
    ]


def test_a_property_that_fails_gives_status_1_and_is_explained() -> None:
    result = check(BROKEN, *QUICK)
    assert result.exit_code == 1
    assert "MP-MUTATION-001     fails" in result.output
    assert "a regression test to paste:" in result.output
    assert "not good: " in result.output


def test_a_recommended_property_gives_status_1_only_if_it_is_asked_for() -> None:
    loose, strict = check(WITHOUT_NUMBERS, *QUICK), check(WITHOUT_NUMBERS, *QUICK, "--strict")
    assert (loose.exit_code, strict.exit_code) == (0, 1)
    assert "MP-REPLY-007        fails (recommended)" in loose.output


def test_a_declared_deviation_gives_status_0_and_its_reason() -> None:
    result = check(BROKEN, *QUICK, "--deviation", "MP-MUTATION-001=next year", "--deviation", "mp-mutation-003=too")
    assert result.exit_code == 1  # the property 003 holds
    result = check(BROKEN, *QUICK, "--deviation", "MP-MUTATION-001=next year")
    assert result.exit_code == 0, result.output
    assert "next year (the key" in result.output


def test_json_has_every_result_and_nothing_else_is_printed() -> None:
    result = check(BROKEN, *QUICK, "--json")
    report = json.loads(result.stdout)
    assert (report["codec"], report["ok"], report["strict"], report["effort"]) == (BROKEN, False, False, "quick")
    first = report["results"][0]
    assert (first["id"], first["verdict"], first["bad"], first["level"]) == (
        "MP-MUTATION-001",
        "fails",
        True,
        "required",
    )
    assert "replay(" in first["regression_test"]
    assert first["case"].startswith("Case(")


def test_junit_has_a_test_for_every_property(tmp_path) -> None:
    path = tmp_path / "report.xml"
    assert check(BROKEN, *QUICK, "--junit", str(path)).exit_code == 1
    suite = ET.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "0")
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "MP-MUTATION-001"
    assert "why it matters" in failure.text


def test_the_properties_are_listed_without_a_codec() -> None:
    result = check("--list", "--only", "MP-STREAM-*")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines()] == ["stream", "MP-STREAM-001", "MP-STREAM-002"]


def test_what_builds_on_a_failure_is_tried_only_if_it_is_asked_for() -> None:
    only = ["--effort", "quick", "--only", "MP-MUTATION-001", "--only", "MP-HOSTILE-001"]
    assert "1 more was not tried: MP-MUTATION-001 fails, which this builds on" in check(BROKEN, *only).output
    assert "MP-HOSTILE-001      holds" in check(BROKEN, *only, "--all").output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "say which codec"),
        (["nosuch"], "there is no codec named 'nosuch'"),
        (["mutants.nosuch:Codec"], "ModuleNotFoundError"),
        (["mutants.messages:NeedsAnOption"], "missing a required argument: 'region'"),
        (["awesomerpc", "--only", "MP-NOPE"], "no property matches"),
        (["awesomerpc", "--deviation", "MP-NOPE=x"], "names no property"),
        (["awesomerpc", "--deviation", "MP-ID-001"], "is not ID=REASON"),
        (["awesomerpc", "--junit", "nowhere/report.xml"], "No such file or directory"),
        (["awesomerpc", "--vectors", "nowhere"], "there are no recorded streams"),
        (["awesomerpc", "--messages", "json:loads"], "do not load"),
        (["awesomerpc", "--option", "max_depth=0"], "at least 1"),
    ],
)
def test_what_cannot_be_run_gives_status_2_and_says_why(arguments: list[str], complaint: str) -> None:
    result = check(*arguments)
    assert result.exit_code == 2, result.output
    assert complaint in result.output
    assert "Traceback" not in result.output
    assert "property            verdict" not in result.output  # nothing was tried


def test_recorded_streams_and_options_are_used() -> None:
    pattern = "tests/vectors/dubbo/java27-heartbeat*"
    result = check("dubbo", "--vectors", pattern, "--option", "max_elements=99", "--only", "MP-MESSAGE-001")
    assert result.exit_code == 0, result.output
    bare = check("dubbo", "--only", "MP-MESSAGE-001")
    count = [int(text.output.partition("tried on ")[2].split()[0]) for text in (result, bare)]
    assert count[0] > count[1]


def test_deviations_that_a_distribution_declares_beside_its_strategy_are_known() -> None:
    result = check("dubbo", "--only", "MP-MUTATION-008")
    assert "a null, a reference or a missing map" in " ".join(result.output.split())
    assert result.exit_code == 0
