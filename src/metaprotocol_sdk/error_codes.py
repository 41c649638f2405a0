"""The numbers by which a protocol reports failures, and the reasons that a mesh knows, as one table for both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_sdk._enums import ErrorType
from metaprotocol_sdk._errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from metaprotocol_sdk._metadata import Error


class ErrorCodes:
    """Translates between `ErrorType` and a protocol's own status numbers.

    `code` serves `Codec.on_error`, `error_type` serves `Codec.error_type`.

    Args:
        codes: The protocol's number for each reason that has one. Several reasons may share a number.
        default: The number for every other reason.
        minimum: The least number that the protocol's field holds.
        maximum: The largest one.
        success: The numbers that report success, which no error reply may carry.
        reasons: The meaning of further numbers, such as those that only servers send. A number of `codes` that stands
            for several reasons means the first of them, unless it is here.

    Raises:
        ValueError: A number is out of range, or one of `codes` reports success.
    """

    __slots__ = ("_codes", "_default", "_known", "_maximum", "_minimum", "_reasons", "_success")

    def __init__(
        self,
        codes: Mapping[ErrorType, int],
        *,
        default: int,
        maximum: int,
        minimum: int = 0,
        success: Collection[int] = (0,),
        reasons: Mapping[int, ErrorType] | None = None,
    ) -> None:
        self._codes = dict(codes)
        self._default = default
        self._minimum = minimum
        self._maximum = maximum
        self._success = frozenset(success)
        self._reasons: dict[int, ErrorType] = dict(reasons or {})
        self._known = frozenset((*codes.values(), default, *self._reasons))
        for number in self._known:
            if problem := self._problem(number):
                raise ValueError(problem)
        for reason, number in codes.items():
            self._reasons.setdefault(number, reason)

    def code(self, error: Error) -> int:
        """Return the number that reports an error: its own `code`, or that of its type.

        Raises:
            EncodeError: `error.code` reports success, or does not fit the protocol's field.
        """
        code = error.code
        if code is None:
            return self._codes.get(error.type, self._default)
        if code in self._known:
            return code
        if problem := self._problem(code):
            raise EncodeError(problem)
        return code

    def error_type(self, code: int | None) -> ErrorType | None:
        """Return the reason that a response's number stands for.

        Args:
            code: `Metadata.status_code`.

        Returns:
            None if the number reports success or there is none; `UNSPECIFIED` if the table does not have it.
        """
        if code is None or code in self._success:
            return None
        return self._reasons.get(code, ErrorType.UNSPECIFIED)

    def _problem(self, number: int) -> str:
        """Return the reason for which an error reply cannot carry this number; "" if it can."""
        if number in self._success:
            return f"the code {number} reports success, so no error reply can carry it"
        if not self._minimum <= number <= self._maximum:
            return f"the code {number} is out of range: {self._minimum} to {self._maximum} fit"
        return ""
