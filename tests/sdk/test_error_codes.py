"""A protocol's numbers for failures, and the reasons that a mesh knows."""

import pytest

from metaprotocol_sdk import EncodeError, Error, ErrorType
from metaprotocol_sdk.error_codes import ErrorCodes

CODES = ErrorCodes(
    {ErrorType.ROUTE_NOT_FOUND: 60, ErrorType.CLUSTER_NOT_FOUND: 60, ErrorType.TIMEOUT: 31},
    default=80,
    maximum=255,
    success=(20,),
    reasons={30: ErrorType.TIMEOUT},
)


@pytest.mark.parametrize(
    ("reason", "code"), [(ErrorType.CLUSTER_NOT_FOUND, 60), (ErrorType.TIMEOUT, 31), (ErrorType.FAULT_ABORT, 80)]
)
def test_a_reason_has_its_number_or_the_default(reason: ErrorType, code: int) -> None:
    assert CODES.code(Error(reason)) == code


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_code_of_an_error_overrides_the_table(code: int) -> None:
    assert CODES.code(Error(ErrorType.TIMEOUT, code=code)) == code


def test_success_is_refused_as_the_code_of_an_error() -> None:
    with pytest.raises(EncodeError, match="the code 20 reports success"):
        CODES.code(Error(ErrorType.FAULT_ABORT, code=20))


@pytest.mark.parametrize("code", [-1, 256])
def test_a_code_that_the_field_cannot_hold_is_refused(code: int) -> None:
    with pytest.raises(EncodeError, match=f"the code {code} is out of range: 0 to 255 fit"):
        CODES.code(Error(ErrorType.FAULT_ABORT, code=code))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (60, ErrorType.ROUTE_NOT_FOUND),  # the first of the two that have it
        (31, ErrorType.TIMEOUT),
        (30, ErrorType.TIMEOUT),  # only servers send it
        (80, ErrorType.UNSPECIFIED),
        (99, ErrorType.UNSPECIFIED),
        (20, None),
        (None, None),
    ],
)
def test_the_number_of_a_response_means_a_reason(code: int | None, reason: ErrorType | None) -> None:
    assert CODES.error_type(code) is reason


@pytest.mark.parametrize("reason", list(ErrorType))
def test_what_a_mesh_answers_is_read_as_a_failure(reason: ErrorType) -> None:
    assert CODES.error_type(CODES.code(Error(reason))) is not None


def test_a_protocol_may_have_signed_numbers_and_none_for_success() -> None:
    codes = ErrorCodes({}, default=6, minimum=-(2**31), maximum=2**31 - 1, success=())
    assert codes.code(Error(ErrorType.TIMEOUT, code=-(2**31))) == -(2**31)
    assert codes.error_type(0) is ErrorType.UNSPECIFIED


@pytest.mark.parametrize(
    "arguments",
    [
        {"codes": {ErrorType.TIMEOUT: 256}, "default": 1},
        {"codes": {ErrorType.TIMEOUT: 0}, "default": 1},
        {"codes": {}, "default": 0},
        {"codes": {}, "default": 1, "reasons": {0: ErrorType.TIMEOUT}},
    ],
)
def test_a_table_with_a_number_that_no_reply_can_carry_is_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="the code"):
        ErrorCodes(**arguments, maximum=255)
