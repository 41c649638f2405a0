"""Faults on purpose, as docs/governance/faults.md has them."""

import time

import pytest
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, shown
from mesh_files import routes
from mesh_protocols import FRAMED, THRIFT, Protocol, ThriftLibrary
from mesh_scenarios import likely, ports, versions
from thrift.Thrift import TApplicationException

from metaprotocol_codecs.awesomerpc.codec import STATUSES

pytestmark = pytest.mark.live

CODES = {
    504: {"dubbo": 31, "thrift": 6, "awesomerpc": STATUSES["timeout"]},
    429: {"dubbo": 100, "thrift": 6, "awesomerpc": STATUSES["over_limit"]},
    401: {"dubbo": 90, "thrift": 6, "awesomerpc": STATUSES["unauthorized"]},
    403: {"dubbo": 90, "thrift": 6, "awesomerpc": STATUSES["unauthorized"]},
    404: {"dubbo": 60, "thrift": 1, "awesomerpc": STATUSES["no_route"]},
    502: {"dubbo": 50, "thrift": 7, "awesomerpc": STATUSES["bad_response"]},
    400: {"dubbo": 40, "thrift": 7, "awesomerpc": STATUSES["bad_request"]},
    500: {"dubbo": 80, "thrift": 6, "awesomerpc": STATUSES["other"]},
    503: {"dubbo": 80, "thrift": 6, "awesomerpc": STATUSES["other"]},
    418: {"dubbo": 80, "thrift": 6, "awesomerpc": STATUSES["other"]},
}


@EVERY_FORM
def test_a_share_is_aborted_and_all_of_a_tester(scenario: Scenario, protocol: Protocol) -> None:
    """The server gets none of these requests, and the connection stays."""
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), shown("faults", "abort"))
        with scenario.caller() as client:
            failed = 200 - client.errors(200).count(None)
            assert failed in likely(200, 0.1)
            if protocol is not FRAMED:
                answers = [client.ask({"user": "tester-7"}) for _ in range(5)]
                assert {answer.status_code for answer in answers} == {CODES[504][protocol.codec.name]}
                failed += 5
            assert len(servers["v1"].received) + failed == (200 if protocol is FRAMED else 205)
    assert scenario.envoy.stat(f"{scenario.listener}.fault.aborts_injected") == failed
    assert scenario.envoy.stat(f"{scenario.listener}.downstream_cx_total") == 1


@EVERY_FORM
def test_the_status_chooses_the_protocols_own_error(scenario: Scenario, protocol: Protocol) -> None:
    to = "route: [{destination: {host: reviews.default.svc.cluster.local}}]"
    rules = "\n".join(
        f"- {{match: [{{headers: {{method: {{exact: m{status}}}}}}}], "
        f"fault: {{abort: {{httpStatus: {status}, percentage: {{value: 100}}}}}}, {to}}}"
        for status in CODES
    )
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), routes(rules))
        with scenario.caller() as client:
            answers = {status: client.ask({"method": f"m{status}"}) for status in CODES}
        assert not servers["v1"].received
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: codes[protocol.codec.name] for status, codes in CODES.items()
    }


@EVERY_FORM
def test_a_share_is_delayed(scenario: Scenario, protocol: Protocol) -> None:
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), shown("faults", "delay"))
        with scenario.caller() as client:
            assert [client.text() for _ in range(200)] == ["v1"] * 200
    assert scenario.envoy.stat(f"{scenario.listener}.fault.delays_injected") in likely(200, 0.5)


@WITH_PROPERTIES
def test_testers_are_delayed(scenario: Scenario, protocol: Protocol) -> None:
    """Each of their calls, and for the whole time but for the few milliseconds of Envoy's clock."""
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), shown("faults", "delay"))
        with scenario.caller() as client:
            begin = time.monotonic()
            assert [client.text({"user": "tester-7"}) for _ in range(2)] == ["v1"] * 2
            assert time.monotonic() - begin > 2 * 0.19
    assert scenario.envoy.stat(f"{scenario.listener}.fault.delays_injected") == 2


def test_thrifts_own_library_raises_what_a_fault_stands_for(scenario: Scenario) -> None:
    rule = "route: [{destination: {host: reviews.default.svc.cluster.local}}]"
    abort = "fault: {abort: {httpStatus: 404, percentage: {value: 100}}}"
    with versions(THRIFT, "v1") as servers:
        scenario.apply(
            THRIFT,
            ports(servers),
            routes(f"- {{match: [{{headers: {{method: {{exact: gone}}}}}}], {abort}, {rule}}}\n- {{{rule}}}"),
        )
        for in_header in (True, False):
            with ThriftLibrary(scenario.port, in_header=in_header) as library:
                with pytest.raises(TApplicationException, match="fault_filter_abort") as caught:
                    library.call("gone")
                assert caught.value.type == TApplicationException.UNKNOWN_METHOD
                assert library.call("hello") == "<=v1=>"
