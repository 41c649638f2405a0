"""Services of Kubernetes, and the pods that they select."""

from collections.abc import Mapping

import yaml
from attrs import field, frozen
from kubernetes_api import ApiServer

_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: default, annotations: ANNOTATIONS}
spec:
  clusterIP: ADDRESS
  selector: {app: NAME}
  ports: [{port: PORT, name: PROTOCOL, targetPort: TARGET}]
"""


def service(name: str, protocol: str, address: str, port: int, target: int, annotations: str = "{}") -> str:
    """Return a Service as its owner writes it."""
    found = _SERVICE.replace("NAME", name).replace("ANNOTATIONS", annotations).replace("ADDRESS", address)
    return found.replace("PORT", str(port)).replace("PROTOCOL", protocol).replace("TARGET", str(target))


@frozen
class Selected:
    """A pod that a Service selects.

    Args:
        ip: Its address.
        labels: Beside `app`.
    """

    ip: str
    labels: Mapping[str, str] = field(factory=dict)


def put_service(cluster: ApiServer, text: str, *pods: Selected) -> None:
    """Put a Service into the cluster, with the pods that it selects."""
    content = yaml.safe_load(text)
    name = content["metadata"]["name"]
    (port,) = content["spec"]["ports"]
    port["protocol"] = "TCP"
    cluster.put(content, "services")
    endpoints = []
    for number, pod in enumerate(pods, 1):
        metadata = {"name": f"{name}-{number}", "namespace": "default", "labels": {"app": name, **pod.labels}}
        cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {"serviceAccountName": name, "containers": []},
                "status": {
                    "phase": "Running",
                    "podIP": pod.ip,
                    "podIPs": [{"ip": pod.ip}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            },
            "pods",
        )
        target = {"kind": "Pod", "namespace": "default", "name": metadata["name"]}
        endpoints.append({"addresses": [pod.ip], "conditions": {"ready": True}, "targetRef": target})
    cluster.put(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": port["name"], "port": port["targetPort"], "protocol": "TCP"}],
        },
        "endpointslices",
    )
