"""The fuzzing loop finds faults that no good message shows, and makes what it found small."""

from functools import cache

import attrs
import pytest
from toys.planted import (
    AllocatesACount,
    DependsOnTheCuts,
    LeaksAKeyError,
    LeaksAnIndexError,
    NeverEnds,
    RefusesEverything,
    Sound,
)

from metaprotocol_sdk import Codec, Direction, LengthField, MessageType, Metadata
from metaprotocol_sdk.testing import Subject, Violation, replay
from metaprotocol_sdk.testing.fuzzing import (
    FUZZ,
    Finding,
    FuzzLoop,
    FuzzTarget,
    Mutator,
    fuzz_seeds,
    shrunk,
    tokens,
    watchdog,
)

BRIEF = attrs.evolve(FUZZ, cpu_seconds=0.1)
RUNS, SEED = 1_000, 2


@cache
def fuzzed(codec: type[Codec], runs: int = RUNS, seed: int = SEED) -> FuzzLoop:
    subject = Subject(codec, effort=BRIEF)
    found = FuzzLoop(FuzzTarget(subject), runs=runs)
    with watchdog(BRIEF.cpu_seconds) as limit:
        subject.limit = limit
        found.run(fuzz_seeds(subject), Mutator(subject.codec, tokens(subject)), seed, lambda: None)
    return found


def only_finding(codec: type[Codec]) -> Finding:
    (finding,) = fuzzed(codec).findings
    return finding


def test_a_sound_codec_gives_no_finding() -> None:
    found = fuzzed(Sound)
    assert (found.findings, found.executions) == ([], RUNS)


def test_an_exception_that_leaks_is_found_and_its_message_made_small() -> None:
    finding = only_finding(LeaksAnIndexError)
    assert (finding.violated.id, finding.data) == ("MP-HOSTILE-001", b"P\0\1P")
    assert "look raised IndexError: index out of range (planted.py:" in finding.diagnosis


def test_what_never_ends_is_found_and_ends_the_loop() -> None:
    found = fuzzed(NeverEnds)
    (finding,) = found.findings
    assert finding.endless
    assert b"P" in finding.data[3:]
    assert len(finding.data) < 100
    assert found.over
    assert found.executions < RUNS


def test_memory_taken_for_a_number_is_found() -> None:
    finding = only_finding(AllocatesACount)
    assert finding.violated.id == "MP-HOSTILE-005"
    assert len(finding.data) == 5


def test_many_small_messages_may_take_the_memory_that_messages_take() -> None:
    class Tiny(Sound):
        framing = LengthField(0, 1)

        def decode(self, message: bytes, direction: Direction) -> Metadata:
            return Metadata(message, MessageType.REQUEST, properties={"size": "1"}, expects_reply=False)

    assert FuzzTarget(Subject(Tiny, effort=BRIEF)).memory(bytes(4096)) == []


def test_an_exception_while_encoding_is_found() -> None:
    finding = only_finding(LeaksAKeyError)
    assert finding.data == b"P\0\1P"
    assert "encode raised KeyError" in finding.diagnosis


def test_what_depends_on_the_cuts_is_found_with_the_cut() -> None:
    finding = only_finding(DependsOnTheCuts)
    assert (finding.violated.id, finding.data, finding.case.cuts) == ("MP-STREAM-002", b"\r\n", (1,))


def test_the_same_seed_finds_the_same() -> None:
    one, two, other = (fuzzed(RefusesEverything, 300, seed) for seed in (1, 1, 2))
    assert one.corpus == two.corpus
    assert one.executions == two.executions == other.executions == 300


@pytest.mark.parametrize("codec", [LeaksAnIndexError, LeaksAKeyError, AllocatesACount, DependsOnTheCuts])
def test_a_finding_replays_from_its_bytes_and_from_its_regression_test(codec: type[Codec]) -> None:
    finding = only_finding(codec)
    again = FuzzTarget(Subject(codec, effort=BRIEF)).thorough(finding.data)
    assert finding.key in {other.key for other in again}
    with pytest.raises(Violation):
        replay(finding.violated.id, codec, finding.case)


def test_a_finding_is_named_by_its_bytes() -> None:
    assert only_finding(LeaksAnIndexError).name == only_finding(LeaksAKeyError).name == "4642061c61472ec3.bin"


def test_the_same_fault_is_told_once() -> None:
    found = FuzzLoop(FuzzTarget(Subject(LeaksAnIndexError, effort=BRIEF)))
    for data in (b"P\0\1P", b"P\0\2aP", b"P\0\3PPP"):
        assert found.target.quick(data)[0]
        found.try_input(data)
    assert len(found.findings) == 1


def test_bytes_shrink_to_what_fails() -> None:
    assert shrunk(bytes(range(200)), lambda data: b"\x64" in data) == b"\x64"
    assert shrunk(b"abcdef", lambda data: len(data) > 3) == bytes(4)


def test_shrinking_stops_when_its_tries_are_used_up() -> None:
    calls: list[bytes] = []
    shrunk(bytes(range(200)), lambda data: not calls.append(data) and False, tries=7)
    assert len(calls) == 7
