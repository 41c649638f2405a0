"""`metaprotocol check` on codecs with mistakes of the first hour: it says what is wrong, and does not break itself."""

import json

import pytest
from click.testing import CliRunner

from metaprotocol_cli import main


@pytest.mark.parametrize(
    ("codec", "property_id", "diagnosis"),
    [
        ("ExamplesFail", "MP-REGISTRY-003", "ExamplesFail.examples raised KeyError: 'sample.bin'"),
        ("ExamplesNeverEnd", "MP-REGISTRY-003", "examples() yields more than 1,000 messages"),
        ("HasNoScanner", "MP-REGISTRY-001", "raised RuntimeError: not yet written"),
        ("ClaimsNone", "MP-REGISTRY-002", "capabilities is None"),
        ("EndsTheProcess", "MP-MESSAGE-001", "EndsTheProcess.decode raised SystemExit: 3"),
        ("ForgetsToReturn", "MP-IDENTITY-001", "encode returned None, which is not bytes"),
        ("HasNoConnection", "MP-MESSAGE-001", "for_connection returned None, which is not a Codec"),
    ],
)
def test_a_careless_codec_fails_with_a_line_that_says_why(codec: str, property_id: str, diagnosis: str) -> None:
    result = CliRunner().invoke(main, ["check", f"toys.careless:{codec}", "--effort", "quick"])
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    row = next(number for number, line in enumerate(lines) if " fails " in line)
    assert lines[row].split()[0] == property_id
    assert diagnosis in lines[row + 1]
    assert "Traceback" not in result.output


def test_what_a_codec_prints_is_not_in_the_json() -> None:
    arguments = ["check", "toys.careless:Prints", "--effort", "quick", "--only", "MP-MESSAGE-001", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert json.loads(result.stdout)["ok"] is True
    assert "a message\n" in result.stderr


@pytest.mark.parametrize(
    ("strategy", "complaint"),
    [
        ("numbers", "the strategy for messages drew 5, which is not a pair of Direction and bytes"),
        ("texts", "'no bytes'), which is not a pair of Direction and bytes"),
        ("broken", "the strategy for messages raised TypeError"),
    ],
)
def test_a_strategy_that_draws_no_messages_is_a_mistake_of_usage(strategy: str, complaint: str) -> None:
    result = CliRunner().invoke(main, ["check", "awesomerpc", "--messages", f"toys.careless:{strategy}"])
    assert result.exit_code == 2, result.output
    assert complaint in result.output
