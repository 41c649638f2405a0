"""The bootstrap of a proxy whose listeners, clusters and routes come from istiod."""

from typing import Any

from live_envoy.config import Config, address, http_options

from metaprotocol_mesh.istio.filters import METADATA


def sidecar(app: str, ip: str, discovery: int, *, revision: str = "1", mode: str = "NONE", **labels: str) -> Config:
    """Return the bootstrap that pilot-agent would write, without its statistics and certificates.

    Args:
        app: The label `app` of the pod, and its service account.
        ip: The pod's. istiod finds labels by it, so no other pod may have it.
        discovery: The port of istiod.
        revision: Of the module that the proxy has; "" if it has none.
        mode: "NONE", or "REDIRECT" if iptables brings the connections.
        labels: More of them.
    """
    metadata: dict[str, Any] = {
        "NAME": f"{app}-1",
        "NAMESPACE": "default",
        "LABELS": {"app": app, **labels},
        "WORKLOAD_NAME": app,
        "SERVICE_ACCOUNT": app,
        "ISTIO_VERSION": "1.31.0",
        "CLUSTER_ID": "Kubernetes",
        "INTERCEPTION_MODE": mode,
        "INSTANCE_IPS": ip,
    }
    if revision:
        metadata[METADATA] = revision
    by_ads = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {
        "node": {
            "id": f"sidecar~{ip}~{app}-1.default~default.svc.cluster.local",
            "cluster": f"{app}.default",
            "metadata": metadata,
        },
        "dynamic_resources": {
            "lds_config": by_ads,
            "cds_config": by_ads,
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "set_node_on_first_message_only": True,
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds-grpc",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    **http_options("http2"),
                    "load_assignment": {
                        "cluster_name": "xds-grpc",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(discovery)}}]}],
                    },
                }
            ]
        },
    }
