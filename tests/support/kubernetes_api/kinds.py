"""Kinds of a server that knows any: their names and their status, by group and plural."""

from kubernetes_api.storage import Kind

# Those that are not the plural's with a capital letter.
_KINDS = {
    "endpointslices": "EndpointSlice",
    "configmaps": "ConfigMap",
    "ingresses": "Ingress",
    "ingressclasses": "IngressClass",
    "customresourcedefinitions": "CustomResourceDefinition",
    "serviceaccounts": "ServiceAccount",
    "networkpolicies": "NetworkPolicy",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "applicationprotocols": "ApplicationProtocol",
    "authorizationpolicies": "AuthorizationPolicy",
    "destinationrules": "DestinationRule",
    "envoyfilters": "EnvoyFilter",
    "metarouters": "MetaRouter",
    "peerauthentications": "PeerAuthentication",
    "proxyconfigs": "ProxyConfig",
    "requestauthentications": "RequestAuthentication",
    "serviceentries": "ServiceEntry",
    "telemetries": "Telemetry",
    "virtualservices": "VirtualService",
    "wasmplugins": "WasmPlugin",
    "workloadentries": "WorkloadEntry",
    "workloadgroups": "WorkloadGroup",
}
_WITH_STATUS = {"metaprotocol.aeraki.io", "networking.istio.io", "security.istio.io"}


def guessed(group: str, plural: str) -> Kind:
    """Return the kind of a plural, which is that of Kubernetes, Istio or Aeraki, or nearly."""
    return Kind(group, plural, _KINDS.get(plural) or plural[:-1].capitalize(), status=group in _WITH_STATUS)
