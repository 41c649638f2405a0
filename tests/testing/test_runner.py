"""The runner: tiers, deviations, claims, and the verdict of each property."""

import importlib

import pytest
from mutants.changes import DropsTheMutation
from mutants.framings import ReadsOneByteTooMany
from mutants.replies import GivesEveryReasonTheSameNumber

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk.testing import EFFORTS, Level, Report, Subject, Tier, Verdict, check, properties

QUICK = EFFORTS["quick"]


def verdict_of(report: Report, property_id: str) -> Verdict:
    (verdict,) = (result.verdict for result in report.results if result.property.id == property_id)
    return verdict


def test_what_builds_on_a_property_that_fails_is_not_tried() -> None:
    report = check(Subject(ReadsOneByteTooMany, effort=QUICK))
    later = [result for result in report.results if result.property.tier > Tier.STREAM]
    assert {result.verdict for result in later} == {Verdict.NOT_RUN}
    assert {result.diagnosis for result in later} == {"MP-FRAMING-001 fails, which this builds on"}
    assert verdict_of(report, "MP-STREAM-002") is not Verdict.NOT_RUN  # the same tier is tried whole


def test_a_recommended_property_stops_nothing_and_fails_only_a_strict_run() -> None:
    report = check(Subject(GivesEveryReasonTheSameNumber, effort=QUICK), ["MP-REPLY-007", "MP-HOSTILE-001"])
    assert verdict_of(report, "MP-REPLY-007") is Verdict.FAILS
    assert verdict_of(report, "MP-HOSTILE-001") is Verdict.HOLDS
    assert report.bad() == []
    assert [result.property.id for result in report.bad(strict=True)] == ["MP-REPLY-007"]


def test_a_declared_deviation_is_reported_with_its_reason_and_does_not_fail() -> None:
    report = check(
        Subject(DropsTheMutation, effort=QUICK), ["MP-MUTATION-001"], deviations={"MP-MUTATION-001": "not yet"}
    )
    (result,) = report.results
    assert (result.verdict, report.bad()) == (Verdict.DEVIATES, [])
    assert result.diagnosis.startswith("not yet (the key ")


def test_a_declared_deviation_that_no_longer_exists_fails() -> None:
    report = check(
        Subject(AwesomeRpcCodec, effort=QUICK), ["MP-MUTATION-001"], deviations={"MP-MUTATION-001": "not yet"}
    )
    (result,) = report.bad()
    assert result.verdict is Verdict.HOLDS_AGAIN
    assert "take the declaration back" in result.diagnosis


@pytest.mark.parametrize(
    ("deviations", "complaint"),
    [({"MP-MUTATION-999": "why"}, "names no property"), ({"MP-MUTATION-001": " "}, "gives no reason")],
)
def test_a_deviation_names_a_property_and_a_reason(deviations: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check(Subject(AwesomeRpcCodec), deviations=deviations)


def test_what_a_codec_does_not_claim_is_not_expected_of_it() -> None:
    class Claimless(AwesomeRpcCodec):
        capabilities = frozenset()

    report = check(Subject(Claimless, effort=QUICK), ["MP-CLAIM-001"])
    assert verdict_of(report, "MP-CLAIM-001") is Verdict.UNCLAIMED


def test_a_property_about_which_no_message_says_anything_is_not_said_to_hold() -> None:
    report = check(Subject(AwesomeRpcCodec, effort=QUICK), ["MP-REPLY-008"])  # nothing is echoed
    (result,) = report.results
    assert result.verdict is Verdict.NOTHING
    assert result.cases > 0
    assert result.telling == 0


def test_patterns_choose_properties() -> None:
    chosen = [found.id for found in properties(["mp-id-*", "MP-TEXT-001"])]
    assert chosen == ["MP-ID-001", "MP-ID-002", "MP-ID-003", "MP-TEXT-001"]


def test_a_pattern_that_matches_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no property matches 'MP-NOPE'"):
        properties(["MP-NOPE"])


def test_the_same_run_finds_the_same_case() -> None:
    cases = [
        [
            result.case
            for result in check(Subject(DropsTheMutation, effort=QUICK), ["MP-[!C]*-00[12]"], stop=False).results
        ]
        for _ in range(2)
    ]
    assert cases[0] == cases[1]
    assert any(cases[0])


def test_what_never_ends_is_stopped_and_reported() -> None:
    from mutants.hostile import NeverEnds

    from metaprotocol_sdk.testing import Effort

    subject = Subject(NeverEnds, effort=Effort("short", examples=1, sweep=None, cpu_seconds=0.3))
    (result,) = check(subject, ["MP-HOSTILE-003"]).results
    assert result.verdict is Verdict.FAILS
    assert result.diagnosis == "it had not ended after 0.3 seconds of processor time"
    assert result.case.data[3] >= 0x60


def test_every_property_says_what_it_is_and_what_to_do() -> None:
    found = properties()
    assert len({one.id for one in found}) == len(found) >= 70
    for one in found:
        assert one.title[0].isupper()
        assert not one.title.endswith(".")
        assert one.why.endswith(".")
        assert one.fix.endswith((".", "metadata.message", "raise"))
        assert one.level in Level


def test_what_is_drawn_does_not_depend_on_the_modules_that_are_loaded(tmp_path, monkeypatch) -> None:
    """Hypothesis would draw the constants that stand in them."""
    from hypothesis import strategies as st

    from metaprotocol_sdk.testing._hypothesis import some

    before = some(st.integers(), 300)
    (tmp_path / "module_with_numbers.py").write_text(f"NUMBERS = {list(range(70_001, 90_000, 97))}\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("module_with_numbers")
    assert some(st.integers(), 300) == before
