"""The table of who speaks what with whom is complete, and what it leaves out has a reason."""

from peers.thrift.library import INTEROP, ROLES
from peers.thrift.programs import LIBRARIES
from peers.thrift.stacks import COMBINATIONS, LEFT_OUT, choices


def test_no_combination_is_forgotten():
    spoken = set()
    for combination in COMBINATIONS:
        stack = combination.stack
        spoken.add((stack.protocol, stack.transport, combination.client, "client"))
        spoken.add((stack.protocol, stack.transport, combination.server, "server"))
    for choice in choices(list(LIBRARIES), ROLES):
        reasons = [left_out for left_out in LEFT_OUT if left_out.covers(*choice)]
        assert (choice in spoken) == (not reasons), choice


def test_the_reasons_for_what_is_left_out_are_documented():
    documented = {line[2:-1] for line in (INTEROP / "README.md").read_text("utf-8").splitlines() if line[:2] == "- "}
    assert {left_out.reason for left_out in LEFT_OUT} <= documented
