"""A long recording of a codec that keeps state takes linear time, and a failure in it is told on one screen."""

from toys.session import ANSWER, GREETING, QUESTION, ParleyCodec, packet

from metaprotocol_sdk import DecodeError, Direction
from metaprotocol_sdk.testing import Subject, check, explain

EXCHANGES = 500
RECORDING = [(Direction.TO_CLIENT, packet(GREETING, b"latin-1"))]
for number in range(EXCHANGES):
    RECORDING += [
        (Direction.TO_SERVER, packet(QUESTION, b"%04d" % number * 500)),
        (Direction.TO_CLIENT, packet(ANSWER, b"%d" % number)),
    ]


class Counted(ParleyCodec):
    calls = 0

    def decode(self, message, direction):
        Counted.calls += 1
        return super().decode(message, direction)


def test_the_cases_of_a_long_recording_are_found_in_one_pass() -> None:
    Counted.calls = 0
    samples = Subject(Counted, vectors=[RECORDING]).samples
    assert Counted.calls < 2 * len(RECORDING)
    # Each case replays what came before it: in all some hundred KiB, and not the square of the recording.
    assert 20 < len(samples) < 60
    assert sum(len(data) for case in samples for _, data in case.before) < 1 << 20


def test_every_message_of_a_long_recording_is_decoded_once_in_its_order() -> None:
    Counted.calls = 0
    report = check(Subject(Counted, vectors=[RECORDING]), ["MP-CONVERSATION-001"])
    assert report.failing() == set()
    assert len(RECORDING) < Counted.calls < 4 * len(RECORDING)


class TiresOfTalking(ParleyCodec):
    """After two hundred messages it refuses the next."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def decode(self, message, direction):
        self.count += 1
        if self.count > 200:
            raise DecodeError("enough", offset=0)
        return super().decode(message, direction)


def test_a_failure_after_a_long_history_is_told_on_one_screen() -> None:
    subject = Subject(TiresOfTalking, vectors=[RECORDING])
    report = check(subject, ["MP-CONVERSATION-001"])
    (result,) = report.bad()
    text = explain(subject, result)
    assert "message 200 of the conversation is refused: enough" in text
    assert len(text.splitlines()) < 140
