"""EnvoyFilters that give Istio's own proxies the engine, and what else a cluster with Istio needs."""
