"""The test class that a codec's author inherits from."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from metaprotocol_sdk.testing._case import Violation
from metaprotocol_sdk.testing._hypothesis import EFFORTS
from metaprotocol_sdk.testing._properties import catalogue
from metaprotocol_sdk.testing._property import Result, Verdict
from metaprotocol_sdk.testing._report import explain
from metaprotocol_sdk.testing._runner import checked_deviations, try_property
from metaprotocol_sdk.testing._subject import Subject, read_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hypothesis.strategies import SearchStrategy

    from metaprotocol_sdk import Codec, Direction
    from metaprotocol_sdk.testing._property import Property


class CodecConformance:
    """A test for each property of the catalogue, for pytest to collect.

    Subclass it and name the codec::

        class TestMyCodec(CodecConformance):
            codec = MyCodec

    A subclass must not define a test of the catalogue itself. Declare in `deviations` what a codec does not do.
    """

    codec: ClassVar[type[Codec] | staticmethod[[], Codec]]
    """The codec's class, or a `staticmethod` without arguments that returns a new codec."""

    vectors: ClassVar[str | Path | Iterable[Sequence[tuple[Direction, bytes]]]] = ()
    """Messages that must decode, besides the codec's examples: a folder or a pattern of recorded streams
    (`NAME.c2s.bin`, `NAME.s2c.bin`), or connections as sequences of messages."""

    deviations: ClassVar[Mapping[str, str]] = {}
    """By id, the reason why the codec lacks a property. To declare one that it has is a failure."""

    effort: ClassVar[str] = "default"
    """The number of cases to try: "quick", "default" or "thorough"."""

    strict: ClassVar[bool] = False
    """True if recommended properties are required too."""

    _results: ClassVar[dict[str, Result]]
    _made: ClassVar[Subject | None]

    @classmethod
    def messages(cls) -> SearchStrategy[tuple[Direction, bytes]] | None:
        """Return a strategy for valid messages, or None to do with the examples."""
        return None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for found in catalogue():
            if found.test_name in vars(cls):
                raise TypeError(
                    f"{cls.__name__} overrides {found.test_name}; if the codec has not this property, say why: "
                    f'deviations = {{"{found.id}": "the reason"}}'
                )
        cls._results, cls._made = {}, None
        if hasattr(cls, "codec"):
            checked_deviations(cls.deviations)
            for found in catalogue():
                # Each class has functions of its own: hypothesis, and marks, tell tests apart by them.
                setattr(cls, found.test_name, _test_of(found))

    def test_every_property_is_tried(self) -> None:
        """No test of the catalogue has been deleted or replaced."""
        lost = [found.id for found in catalogue() if not hasattr(getattr(self, found.test_name, None), "is_of_the_kit")]
        if lost:
            raise AssertionError(f"{', '.join(lost)} cannot be tried: the tests were deleted or replaced")

    @classmethod
    def _result(cls, found: Property) -> Result:
        if found.id not in cls._results:
            cls._results[found.id] = try_property(cls._subject(), found, cls._results.values(), cls.deviations)
        return cls._results[found.id]

    @classmethod
    def _subject(cls) -> Subject:
        if cls._made is None:
            vectors = cls.vectors
            if isinstance(vectors, str | Path):
                vectors = read_vectors(cls.codec, vectors)
            cls._made = Subject(cls.codec, messages=cls.messages(), vectors=vectors, effort=EFFORTS[cls.effort])
        return cls._made


def _test_of(found: Property) -> Callable[[CodecConformance], None]:
    def test(self: CodecConformance) -> None:
        __tracebackhide__ = True
        result = self._result(found)
        if result.is_bad(strict=self.strict):
            before = [other for other in self._results.values() if other.is_bad(strict=self.strict)]
            told = result.same_cause(before) is not None
            raise Violation(explain(self._subject(), result, before), result.case) from None if told else result.cause
        if result.verdict is not Verdict.HOLDS:
            raise unittest.SkipTest(f"{result.label()}: {result.diagnosis}")

    test.__name__ = found.test_name
    test.__qualname__ = f"CodecConformance.{found.test_name}"
    test.__doc__ = f"{found.title}."
    test.is_of_the_kit = True  # type: ignore[attr-defined]
    return test
