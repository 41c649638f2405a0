"""A failure shows the id, one line, the bytes, the cuts, and a test to paste."""

import subprocess
import sys
from pathlib import Path

import pytest
from mutants.changes import DropsTheMutation
from mutants.framings import WantsTheHeaderInOnePiece
from mutants.hostile import AssertsOnWireData, LeaksAStructError

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction, Error, ErrorType
from metaprotocol_sdk.testing import EFFORTS, Case, Subject, Violation, check, explain, replay

TESTS = Path(__file__).parent


def failure(codec, property_id: str) -> str:
    subject = Subject(codec, effort=EFFORTS["quick"])
    (result,) = check(subject, [property_id]).results
    return explain(subject, result)


def test_a_failure_in_full() -> None:
    text = failure(WantsTheHeaderInOnePiece, "MP-STREAM-001")
    call = 'Case(bytes.fromhex("415201020000000300000012000900000000"), cuts=(1,))'
    expected = [
        "MP-STREAM-001 Messages are the same however the network cut the stream",
        "  cut at [1]: 0 messages came out, not 1; the stream ended with FramingError: …",
        "",
        "  why it matters: TCP cuts where it likes. A codec that wants a header in one piece works on the",
        "    developer's machine and fails under load, which is the best-known bug of codecs in meshes.",
        "  how to fix it: Let the scanner keep what it has seen of an incomplete message, and go on from",
        "    there.",
        "",
        "  the input, 18 bytes to the server:",
        "    000000  41 52                    AR        magic",
        "    000002  01                       .         version",
        "    000003  02                       .         type            2  (oneway)",
        "    000004  00 00 00 03              ....      request_id      3",
        "    000008  00 00 00 12              ....      length          18",
        "    00000c  00 09                    ..        command         9",
        "    00000e  00 00                    ..        status          0  (ok)",
        "    000010  00 00                    ..        headers_length  0",
        "  cut at 1",
        "",
        "  a regression test to paste:",
        "",
        "    from mutants.framings import WantsTheHeaderInOnePiece",
        "    from metaprotocol_sdk.testing import Case, replay",
        "",
        "",
        "    def test_mp_stream_001_be564b() -> None:",
        '        """Messages are the same however the network cut the stream."""',
        "        replay(",
        '            "MP-STREAM-001",',
        "            WantsTheHeaderInOnePiece,",
        f"            {call},",
        "        )",
    ]
    assert text.replace("the header is incomplete (offset 0)", "…").splitlines() == expected


def test_one_cause_is_told_once() -> None:
    subject = Subject(AssertsOnWireData, effort=EFFORTS["quick"])
    report = check(subject, ["MP-HOSTILE-00[23]"])
    first, second = (explain(subject, result, report.earlier(result)) for result in report.bad())
    assert "a regression test to paste:" in first
    assert second.splitlines() == [
        "MP-HOSTILE-003 Any byte in any place gives messages or a ProtocolError",
        f"  {report.results[1].diagnosis}",
        "  the cause is that of MP-HOSTILE-002; tried alone, this shows a case of its own",
    ]


def test_two_causes_are_told_apart() -> None:
    subject = Subject(AssertsOnWireData, effort=EFFORTS["quick"])
    other = check(Subject(LeaksAStructError, effort=EFFORTS["quick"]), ["MP-HOSTILE-002"]).results
    (result,) = check(subject, ["MP-HOSTILE-003"]).results
    assert "why it matters" in explain(subject, result, other)


@pytest.mark.parametrize(
    ("codec", "property_id"), [(WantsTheHeaderInOnePiece, "MP-CONNECTION-002"), (DropsTheMutation, "MP-MUTATION-001")]
)
def test_the_regression_test_fails_when_it_is_pasted(codec, property_id: str, tmp_path: Path) -> None:
    lines = failure(codec, property_id).partition("a regression test to paste:\n")[2].splitlines()
    (tmp_path / "test_pasted.py").write_text("\n".join(line[4:] for line in lines), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": f"{TESTS}:{TESTS.parent / 'support'}"}
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 failed" in result.stdout
    assert "Violation" in result.stdout


def test_a_regression_test_passes_when_the_codec_is_good() -> None:
    replay("MP-STREAM-001", AwesomeRpcCodec, Case(bytes.fromhex("415201020000000300000012000900000000"), cuts=(1,)))


def test_a_case_that_fails_is_raised_with_its_diagnosis() -> None:
    message = bytes.fromhex("415201020000000300000012000900000000")
    with pytest.raises(Violation, match="the key 'a' was set to '1', and the property is None afterwards"):
        replay("MP-MUTATION-001", DropsTheMutation, Case(message, mutation={"a": "1"}))


def test_a_case_that_fails_shows_the_line_of_the_test_and_nothing_of_the_kit() -> None:
    message = bytes.fromhex("415201020000000300000012000900000000")
    with pytest.raises(Violation) as caught:
        replay("MP-MUTATION-001", DropsTheMutation, Case(message, mutation={"a": "1"}))
    assert [frame.name for frame in caught.traceback] == [
        "test_a_case_that_fails_shows_the_line_of_the_test_and_nothing_of_the_kit",
        "replay",  # which pytest hides
    ]


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(b"\0\1", Direction.TO_CLIENT, cuts=(1,), request=b"q", other=b"o", keep=2),
        Case(b"x", mutation={"a": None, "b": "\ud83d"}, request_id=0),
        Case(b"x", error=Error(ErrorType.TIMEOUT, "late", 31)),
        Case(before=((Direction.TO_SERVER, b"hi"),), steps=(("send", 0, 0), ("to_server", 0, 1))),
        Case(b"head" + b"ab" * 3_000 + b"tail"),
        Case(bytes(100_000)),
    ],
)
def test_the_repr_of_a_case_makes_it(case: Case) -> None:
    names = {"Case": Case, "Direction": Direction, "Error": Error, "ErrorType": ErrorType}
    assert eval(repr(case), names) == case
    assert len(repr(case)) < 400
