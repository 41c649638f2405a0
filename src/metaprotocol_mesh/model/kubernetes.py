"""Service of Kubernetes, for the files of a cluster."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the reader reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from metaprotocol_mesh.model.base import REQUIRED, Item, entry

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen(kw_only=True)
class KubernetesPort(Item):
    """A port of a Service."""

    IGNORED: ClassVar[frozenset[str]] = frozenset(["nodePort"])

    port: int = entry("the port that clients call", REQUIRED, minimum=1, maximum=65535)
    name: str = entry("the codec: `http-<codec>`", "")
    app_protocol: str = entry("the codec: `http-<codec>`; goes before the name. `http` leaves it to the name", "")
    protocol: Literal["TCP", "UDP", "SCTP"] = entry("nothing", "TCP")
    target_port: Any = entry("the port of the pods: a number")

    def faults(self) -> Iterator[tuple[str, str]]:
        target = self.target_port
        if target is not None and not (isinstance(target, str) or (type(target) is int and 0 < target < 65536)):
            yield "targetPort", f"{str(target)[:80]!r} is neither a port nor the name of one"


@frozen(kw_only=True)
class Service(Item):
    """A service of a cluster. `istio render` reads it; on a laptop a ServiceEntry names the servers."""

    UNSUPPORTED: ClassVar[dict[str, str]] = {"externalName": "write a ServiceEntry"}
    IGNORED: ClassVar[frozenset[str]] = frozenset(
        [
            "allocateLoadBalancerNodePorts",
            "clusterIPs",
            "externalIPs",
            "externalTrafficPolicy",
            "healthCheckNodePort",
            "internalTrafficPolicy",
            "ipFamilies",
            "ipFamilyPolicy",
            "loadBalancerClass",
            "loadBalancerIP",
            "loadBalancerSourceRanges",
            "publishNotReadyAddresses",
            "sessionAffinity",
            "sessionAffinityConfig",
            "trafficDistribution",
            "type",
        ]
    )

    ports: tuple[KubernetesPort, ...] = entry("a cluster each", REQUIRED, at_least=1)
    selector: Mapping[str, str] = entry("the pods whose proxies get the codec for inbound calls", {})
    cluster_IP: str = entry(  # noqa: N815 - the key is clusterIP
        "`None` is a headless service, whose clients call the pods", "", pattern=r"[0-9A-Fa-f.:]*|None"
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        seen: set[int] = set()
        for one in self.ports:
            if one.port in seen and one.protocol == "TCP":
                yield "ports", f"two ports have the number {one.port}"
            seen.add(one.port)
