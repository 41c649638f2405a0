"""Envoy's statistics as metrics of Prometheus, and the dashboards that show them."""

import json
import re
from pathlib import Path

import pytest
import yaml
from mesh_files import LISTENER, ROUTES, SERVICE, manager, rendered

from metaprotocol_mesh.render.statistics import LABELS

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
HOST = "ratelimit.external.svc.cluster.local"


def labelled(statistic: str) -> tuple[str, dict[str, str]]:
    """Return what is left of a name, and the labels: Envoy takes away what the first group of each expression holds."""
    found: dict[str, str] = {}
    gone: set[int] = set()
    for label, expression in LABELS.items():
        match = re.search(expression, statistic)
        if match:
            found[label] = match[2]
            gone |= set(range(*match.span(1)))
    return "".join(one for at, one in enumerate(statistic) if at not in gone), found


@pytest.mark.parametrize(
    "tail",
    [
        *("upstream_rq_total", "external.upstream_rq_time", "lb_healthy_panic", "membership_total", "bind_errors"),
        *(
            "ratelimit.ok",
            "ratelimit.error",
            "ratelimit.over_limit",
            "ratelimit.failure_mode_allowed",
            "ext_authz.denied",
        ),
        *("circuit_breakers.default.cx_open", "outlier_detection.ejections_active", "health_check.attempt"),
        *(
            "version",
            "ssl.handshake",
            "ssl.ciphers.TLS_AES_128_GCM_SHA256",
            "upstream_cx_none_healthy",
            "http2.tx_reset",
        ),
    ],
)
@pytest.mark.parametrize("cluster", [f"outbound|9080|v1|{HOST}", f"outbound|9080||{HOST}", "inbound|9080||"])
def test_the_name_of_a_cluster_becomes_a_label(cluster: str, tail: str) -> None:
    assert labelled(f"cluster.{cluster}.{tail}") == (f"cluster.{tail}", {"cluster_name": cluster})


LISTENING = "127.0.0.1_19080"
MANAGER = {"http_conn_manager_prefix": f"outbound_{LISTENING}"}
VIRTUAL_HOST = {"virtual_host": f"{HOST}:9080"}


@pytest.mark.parametrize(
    ("statistic", "name", "labels"),
    [
        ("cluster.prometheus_stats.upstream_rq_5xx", "cluster.upstream_rq",
         {"cluster_name": "prometheus_stats", "response_code_class": "5xx"}),
        (f"vhost.{HOST}:9080.route.http[0].upstream_rq_time", "vhost.route.upstream_rq_time",
         {**VIRTUAL_HOST, "route": "http[0]"}),
        ("vhost.inbound|http|9080.route.a.upstream_rq_x.upstream_rq_429", "vhost.route.upstream_rq",
         {"virtual_host": "inbound|http|9080", "route": "a.upstream_rq_x", "response_code": "429"}),
        (f"vhost.{HOST}:9080.vcluster.hello.upstream_rq_total", "vhost.vcluster.upstream_rq_total",
         {**VIRTUAL_HOST, "virtual_cluster": "hello"}),
        (f"http.outbound_{LISTENING}.downstream_rq_2xx", "http.downstream_rq",
         {**MANAGER, "response_code_class": "2xx"}),
        ("http.inbound_fd00__1_19080.fault.aborts_injected", "http.fault.aborts_injected",
         {"http_conn_manager_prefix": "inbound_fd00__1_19080"}),
        (f"http.outbound_{LISTENING}.rds.{LISTENING}.update_success", "http.rds.update_success",
         {**MANAGER, "rds_route_config": LISTENING}),
        (f"listener.{LISTENING}.http.outbound_{LISTENING}.downstream_rq_4xx", "listener.http.downstream_rq",
         {"listener_address": LISTENING, **MANAGER, "response_code_class": "4xx"}),
        ("default/reviews.http_local_rate_limit.rate_limited", "http_local_rate_limit.rate_limited",
         {"limit": "default/reviews"}),
        ("dynamicmodulescustom.metaprotocol.deadlines", "dynamicmodulescustom.metaprotocol.deadlines", {}),
    ],
)  # fmt: skip
def test_names_of_things_become_labels(statistic: str, name: str, labels: dict[str, str]) -> None:
    assert labelled(statistic) == (name, labels)


def test_metrics_are_served_where_it_is_asked_for_and_nowhere_else(tmp_path: Path) -> None:
    found = rendered(SERVICE, ROUTES, LISTENER)
    assert "static_resources" not in found.files(tmp_path)["bootstrap.json"]
    static = found.files(tmp_path, ("127.0.0.1", 15090))["bootstrap.json"]["static_resources"]
    (listener,) = static["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 15090}
    (host,) = manager(listener)["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["match"]["path"] == "/stats/prometheus"


def test_a_dashboard_fits_what_provisions_it() -> None:
    """Its source is the one that is provisioned, its folder that of the provider, and no panel covers another."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "mesh.yaml").read_text())["providers"]
    assert provider["options"]["path"].endswith("/dashboards")
    assert len(DASHBOARDS) == 2
    for path in DASHBOARDS:
        board = json.loads(path.read_text("utf-8"))
        cells: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            own = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not own & cells, panel["title"]
            assert max(x for x, _ in own) < 24
            cells |= own
            for target in panel.get("targets", ()):
                assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
