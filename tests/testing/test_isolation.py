"""Other codecs, in other threads or on the same connection, do not change the result of a trial."""

import threading

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Direction
from metaprotocol_sdk.testing import Effort, Subject, Verdict, check

FEW = Effort("few", examples=5, sweep=200)


class Locks(AwesomeRpcCodec):
    """It keeps the message on the codec, which is allowed, as only one thread at a time reads one."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def decode(self, message, direction):
        with self.lock:
            self.current = message
            return super().decode(self.current, direction)


def test_a_codec_may_keep_other_threads_waiting() -> None:
    subject = Subject(Locks, effort=FEW)
    (result,) = check(subject, ["MP-THREAD-001"]).results
    assert result.verdict is Verdict.HOLDS
    assert subject.locks


class CopiesMessages(AwesomeRpcCodec):
    """It has state on a connection, so that what came before a message is sent again before each case."""

    def for_connection(self):
        return type(self)()

    def decode(self, message, direction):
        list(message)  # eight bytes for each
        return super().decode(message, direction)


class BuildsATable(AwesomeRpcCodec):
    """With the first message that it cannot read."""

    table = None

    def decode(self, message, direction):
        if message[2] != 1 and self.table is None:
            type(self).table = list(range(100_000))
        return super().decode(message, direction)


def test_what_is_built_once_is_not_allocated_for_a_message() -> None:
    (result,) = check(Subject(BuildsATable, effort=FEW), ["MP-HOSTILE-005"]).results
    assert result.verdict is Verdict.HOLDS
    assert BuildsATable.table


def test_messages_before_do_not_count_as_allocated_for_a_message() -> None:
    codec = AwesomeRpcCodec()
    long = codec.build(2, 1, 7, payload=bytes(200_000))
    short = codec.build(2, 2, 7, payload=b"hello")
    conversation = [(Direction.TO_SERVER, long), (Direction.TO_SERVER, short)]
    subject = Subject(CopiesMessages, vectors=[conversation], effort=FEW)
    assert any(case.before == ((Direction.TO_SERVER, long),) for case in subject.samples if case.data == short)
    (result,) = check(subject, ["MP-HOSTILE-005"]).results
    assert result.verdict is Verdict.HOLDS
