"""A search of a recording ends after a number of steps, and says so; steps are counted, not timed."""

from pathlib import Path

import pytest
from projects import new

from metaprotocol_cli.new import capture
from metaprotocol_cli.new.evidence import (
    Budget,
    Conversation,
    find_ids,
    find_lengths,
    learn_lengths,
    sums_by_direction,
)
from metaprotocol_sdk import Direction

DUBBO = Path(__file__).parents[1] / "vectors" / "dubbo" / "java27-pipeline.c2s.bin"
STEPS = 20_000


def cut_recording() -> bytes:
    """Return many messages and the beginning of another, which no place leads to the end of."""
    return (DUBBO.read_bytes() * 10)[:-5]


@pytest.mark.parametrize("data", [bytes(3_000), b"\xda\xbb" * 1_500, cut_recording()], ids=["zeros", "pairs", "cut"])
def test_all_searches_for_a_length_share_a_budget(data: bytes) -> None:
    budget = Budget(STEPS)
    conversations = [Conversation("it", {Direction.TO_SERVER: data})]
    learn_lengths(conversations, budget)
    sums_by_direction(conversations, budget)
    assert budget.is_spent
    assert budget.left > -3 * len(data)  # the last place is followed to its end, at most a step a byte and number


def test_the_search_for_an_id_has_a_budget() -> None:
    streams = {Direction.TO_SERVER: DUBBO.read_bytes()}
    length = find_lengths([*streams.values()])[0]
    budget = Budget(2)
    assert not find_ids([Conversation("it", streams)], length, budget)
    assert budget.is_spent
    assert budget.left > -length.messages


def test_a_recording_of_one_byte_is_refused_without_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "learn_lengths", None)
    file = tmp_path / "zeros.c2s.bin"
    file.write_bytes(bytes(8_000))
    result = new("acme", "--defaults", "-o", str(tmp_path), "--from-capture", str(file))
    assert result.exit_code == 2
    assert "its 8,000 bytes are all 0x00" in " ".join(result.output.split())


def test_a_search_that_did_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "Budget", lambda: Budget(STEPS))
    file = tmp_path / "cut.c2s.bin"
    file.write_bytes(cut_recording())
    result = new("acme", "--defaults", "-o", str(tmp_path), "--from-capture", str(file))
    assert result.exit_code == 2
    assert "the search was ended before all places were tried" in " ".join(result.output.split())
