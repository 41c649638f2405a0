"""Limits, as docs/governance/limits.md has them, with Envoy's own rate limit service."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from governance import EVERY_FORM, WITH_PROPERTIES, Scenario, shown
from mesh_protocols import AWESOMERPC, FRAMED, Caller, Protocol, ThriftLibrary, text_or_error
from mesh_scenarios import destination_rule, meta_router, ports, versions
from patience import eventually
from programs import LimitService, fetched, limit_service
from thrift.Thrift import TApplicationException

pytestmark = pytest.mark.live

DEPLOY = Path(__file__).parents[3] / "deploy"


def passed(client: Caller, count: int, **properties: str) -> int:
    """Make some calls, and return how many passed. All others came after them, and were refused as over a limit."""
    answers = [client.ask(properties) for _ in range(count)]
    refused = [b"_rate_limited (request " in answer.message for answer in answers]
    assert [text_or_error(answer) for answer in answers] == ["" if one else "v1" for one in refused]
    assert refused == sorted(refused)
    return refused.count(False)


def bucket(tokens: int) -> str:
    return f"tokenBucket: {{maxTokens: {tokens}, fillInterval: 3600s}}"


CONDITION = f"conditions: [{{match: {{attributes: {{method: {{exact: export}}}}}}, {bucket(2)}}}]"


@pytest.mark.parametrize(
    ("limits", "method", "allowed"),
    [
        ([bucket(5), CONDITION], "export", 2),
        ([bucket(3), CONDITION], "hello", 3),
        ([CONDITION], "export", 2),
        ([CONDITION], "hello", 6),
        ([bucket(2)], "hello", 2),
    ],
    ids=["condition", "default beside a condition", "condition alone", "no limit", "default alone"],
)
@EVERY_FORM
def test_a_local_limit_counts_by_condition(
    scenario: Scenario, protocol: Protocol, limits: list[str], method: str, allowed: int
) -> None:
    """Aeraki's five cases: a condition has a limit of its own; anything else has the default's, if there is one."""
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), meta_router(f"localRateLimit: {{{', '.join(limits)}}}"))
        with scenario.caller() as client:
            assert passed(client, 6, method=method) == allowed
        assert len(servers["v1"].received) == allowed


@EVERY_FORM
def test_each_local_limit_has_its_metric(scenario: Scenario, protocol: Protocol) -> None:
    """A call that meets the condition takes no token of the 100 that all others have."""
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), shown("limits", "local"))
        with scenario.caller() as client:
            assert passed(client, 5, method="export") == 2
            assert passed(client, 7, method="hello") == 7
    counted = {name: scenario.envoy.stat(f"{scenario.limit}.{name}") for name in ("ok", "rate_limited")}
    assert counted == {"ok": 2 + 7, "rate_limited": 3}


def test_thrifts_own_library_raises_what_is_over_the_limit(scenario: Scenario) -> None:
    with versions(FRAMED, "v1") as servers:
        scenario.apply(FRAMED, ports(servers), shown("limits", "local"))
        for in_header in (True, False):
            with ThriftLibrary(scenario.port, in_header=in_header) as library:
                if in_header:
                    assert [library.call("export") for _ in range(2)] == ["<=v1=>"] * 2
                with pytest.raises(TApplicationException, match="local_rate_limited"):
                    library.call("export")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitService]:
    """Envoy's rate limit service with the limits of the page."""
    with limit_service(tmp_path_factory.mktemp("limits"), config()) as running:
        yield running


def config() -> str:
    """Return the service's configuration with less calls and a unit whose end no test meets."""
    text = (DEPLOY / "ratelimit" / "config.yaml").read_text("utf-8")
    return re.sub(r"{unit: \w+", "{unit: year", text).replace("requests_per_unit: 100", "requests_per_unit: 3")


def asking(service: LimitService, **changes: str) -> str:
    """Return the page's rules for a service; it may take long, unless `requestTimeout` is among the changes."""
    text = shown("limits", "global").replace("21107", str(service.port))
    for old, new in ({"0.25s": "60s"} | changes).items():
        assert old in text
        text = text.replace(old, new)
    return text


@WITH_PROPERTIES
def test_a_service_counts_by_several_properties_together(
    scenario: Scenario, protocol: Protocol, service: LimitService
) -> None:
    """Each user has two calls of `export`, and three of any other method; whoever names no user is not counted."""
    mary, jason = f"{protocol}-mary", f"{protocol}-jason"
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), asking(service))
        with scenario.caller() as client:
            assert passed(client, 4, user=mary, method="export") == 2
            assert client.error({"user": jason, "method": "export"}) is None
            assert passed(client, 5, user=mary, method="hello") == 3
            assert passed(client, 4, method="export") == 4
        with scenario.caller() as another:
            assert passed(another, 2, user=jason, method="export") == 1
        counted = scenario.envoy.admin.numbers(rf"{scenario.cluster('')}\.ratelimit\.".replace("|", r"\|"))
    assert {name.rpartition(".")[2]: count for name, count in counted.items()} == {"ok": 7, "over_limit": 5}


def test_a_frame_of_thrift_is_counted_by_its_method(scenario: Scenario, service: LimitService) -> None:
    """The property `user`, which it cannot have, has the value of the method here."""
    with versions(FRAMED, "v1") as servers:
        scenario.apply(FRAMED, ports(servers), asking(service, **{"property: user": "property: method"}))
        with scenario.caller() as client:
            assert passed(client, 4, method="export") == 2


def test_each_limit_of_the_service_has_its_metric(scenario: Scenario, tmp_path: Path) -> None:
    wanted = 'ratelimit_service_rate_limit_over_limit{domain="shop",key1="user",key2="method_export"} 3'
    with versions(AWESOMERPC, "v1") as servers, limit_service(tmp_path, config()) as service:
        scenario.apply(AWESOMERPC, ports(servers), asking(service))
        with scenario.caller() as client:
            assert passed(client, 5, user="mary", method="export") == 2
        eventually(lambda: wanted in (fetched(f"http://127.0.0.1:{service.metrics}/metrics") or "").splitlines())


NOBODY = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: limits, namespace: default}
spec:
  host: limits.default.svc.cluster.local
  subsets: [{name: v9, labels: {version: v9}}]
"""


@pytest.fixture(scope="module", params=["slow", "down", "absent"])
def failing_rules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's rules for a service that waits for its Redis, that has ended, or whose cluster has no servers."""
    with limit_service(tmp_path_factory.mktemp("limits"), config()) as service, ExitStack() as stack:
        rules = asking(service, **{"60s": "0.25s"})
        if request.param == "slow":
            stack.enter_context(service.waiting())
        elif request.param == "down":
            service.stop()
        else:
            rules = rules.replace("8081||", "8081|v9|") + NOBODY
        yield rules


@pytest.mark.parametrize("deny", [True, False], ids=["deny", "allow"])
@EVERY_FORM
def test_a_service_that_fails_denies_or_allows(
    scenario: Scenario, protocol: Protocol, failing_rules: str, deny: bool
) -> None:
    rules = failing_rules if deny else failing_rules.replace("denyOnFail: true", "denyOnFail: false")
    called = {"method": "hello"} if protocol is FRAMED else {"user": "mary", "method": "hello"}
    if protocol is FRAMED:
        rules = rules.replace("property: user", "property: method")
    with versions(protocol, "v1") as servers:
        scenario.apply(protocol, ports(servers), rules, destination_rule(servers))
        with scenario.caller() as client:
            answers = [client.ask(called) for _ in range(2)]
        assert [text_or_error(answer) for answer in answers] == ["" if deny else "v1"] * 2
        assert [b"rate_limiter_error (request " in answer.message for answer in answers] == [deny] * 2
        assert len(servers["v1"].received) == (0 if deny else 2)
    counted = scenario.envoy.stat(f"{scenario.cluster('')}.ratelimit.error")
    assert counted == 2
