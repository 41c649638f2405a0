"""A regression test is pasted as it is: short lines, and nothing for `ruff format` to change."""

import subprocess
import sys
from pathlib import Path

import pytest
from required import require

from metaprotocol_sdk import Direction, Error, ErrorType
from metaprotocol_sdk.testing import Case
from metaprotocol_sdk.testing._regression import laid_out

LONG = bytes(range(250))
NAMES = {"Case": Case, "Direction": Direction, "Error": Error, "ErrorType": ErrorType}
CASES = {
    "short": Case(b"ab", cuts=(1,)),
    "just too long": Case(bytes(range(48)), cuts=(1, 2)),
    "long": Case(LONG, Direction.TO_CLIENT, request=LONG, other=b"head" + bytes(300) + LONG),
    "single bytes": Case(LONG, cuts=tuple(range(1, 250))),
    "repeated": Case(b"head" + b"ab" * 3_000 + b"tail"),
    "texts": Case(b"x", mutation={'a"b': "'", "k'": '"', "long": "é\n" * 70, "surrogates": "\ud83d\n" * 70, "": None}),
    "an error": Case(b"x", error=Error(ErrorType.TIMEOUT, "z" * 200 + "y", code=31)),
    "a history": Case(
        before=((Direction.TO_SERVER, LONG[:90]), (Direction.TO_CLIENT, b"q")),
        steps=tuple(("to_server", 0, number) for number in range(20)),
    ),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request) -> Case:
    return request.param


def test_what_is_laid_out_means_the_same(case: Case) -> None:
    assert eval("\n".join(laid_out(repr(case), "")), NAMES) == case


def test_no_line_is_longer_than_120_columns(case: Case) -> None:
    lines = laid_out(f'replay("MP-CONNECTION-002", SomeRatherLongCodec, {case!r})')
    assert max(map(len, lines)) <= 120


def test_ruff_leaves_it_as_it_is(case: Case) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        require("ruff", "ruff is not installed")
    lines = laid_out(f'replay("MP-CONNECTION-002", SomeRatherLongCodec, {case!r})')
    source = "\n".join(["def test_it() -> None:", *lines, ""])
    command = [ruff, "format", "--isolated", "--line-length", "120", "-"]
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    assert result.stdout == source


def test_a_call_that_does_not_fit_has_an_argument_a_line() -> None:
    data = "ab" * 60
    assert laid_out(f'replay("MP-ID-001", Codec, Case(bytes.fromhex("{data}"), request_id=1))') == [
        "    replay(",
        '        "MP-ID-001",',
        "        Codec,",
        "        Case(",
        "            bytes.fromhex(",
        f'                "{data[:90]}"',
        f'                "{data[90:]}",',
        "            ),",
        "            request_id=1,",
        "        ),",
        "    )",
    ]
