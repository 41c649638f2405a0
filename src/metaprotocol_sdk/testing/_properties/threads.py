"""A codec object is shared by threads."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from metaprotocol_sdk import EncodeError, Mutation, ProtocolError
from metaprotocol_sdk.testing._cases.streams import pairs
from metaprotocol_sdk.testing._catalogue import NOTHING, Tier, prove
from metaprotocol_sdk.testing._outcome import facts
from metaprotocol_sdk.testing._violation import Violation

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from metaprotocol_sdk import Codec, Direction
    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._subject import Subject

_MOST_SWITCHES = 120
_PATIENCE = 0.2  # seconds for the other thread, which may wait for a lock that this one holds


@prove(
    "MP-THREAD-001",
    Tier.MESSAGE,
    pairs,
    title="Threads may use one codec object at the same time",
    why="One codec serves all connections of a process. What a call keeps on the codec, the call of another thread "
    "overwrites, and one client gets what belongs to another. It happens once in a million calls.",
    fix="Keep everything in local variables and in the `Metadata`; move what a connection must remember to the "
    "object that `for_connection` returns.",
)
def is_shared(subject: Subject, case: Case) -> object:
    """At each line of the work on one message, another thread does all of its work on another message."""
    if subject.keeps_state or case.other is None:
        return NOTHING
    alone = _work(subject.make(), case.data, case.direction)
    codec = subject.make()
    with _Rival(lambda: _work(codec, case.other or b"", case.direction)) as rival:
        together = rival.interrupt(lambda: _work(codec, case.data, case.direction))
    if alone != together:
        raise Violation(
            f"while another thread worked on `other`, the message became {_briefly(together)}, not {_briefly(alone)}"
        )
    return None


def _work(codec: Codec, data: bytes, direction: Direction) -> list[object]:
    """Decode a message and encode it unchanged, with a key and with an id, as a proxy does."""
    try:
        metadata = codec.decode(data, direction)
    except ProtocolError as error:
        return [repr(error)]
    results: list[object] = [facts(metadata), codec.encode(metadata, Mutation())]
    for mutation, number in ((Mutation({"x-kit": "1"}), None), (Mutation(), 1)):
        try:
            results.append(codec.encode(metadata, mutation, number))
        except EncodeError as error:
            results.append(type(error).__name__)
    return results


def _briefly(results: list[object]) -> str:
    text = repr(results)
    return text if len(text) < 160 else f"{text[:160]}…"


class _Rival:
    """Another thread, which does its work whenever this one has run a line of the codec."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._turn = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._ended = False
        self._switches = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name="metaprotocol-rival")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended = True
        self._turn.release()
        self._thread.join(_PATIENCE)

    def interrupt(self, action: Callable[[], list[object]]) -> list[object]:
        """Run an action in this thread and let the other one work at each of its lines."""
        previous = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return action()
        finally:
            sys.settrace(previous)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        # The SDK's lines are not the codec's, and there is nothing to share in them.
        return None if frame.f_globals.get("__name__", "").startswith("metaprotocol_sdk.") else self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and self._switches < _MOST_SWITCHES and not self._ended:
            self._switches += 1
            self._turn.release()
            if not self._done.acquire(timeout=_PATIENCE):
                self._ended = True  # it waits for something that this thread holds: it takes care of itself
        return self._line

    def _run(self) -> None:
        while True:
            self._turn.acquire()
            if self._ended:
                return
            with suppress(Exception):  # what goes wrong shows in the other thread's results
                self._work()
            self._done.release()
