"""Minutes of mixed traffic with churn through one Envoy, and what it does to its memory: `make soak`."""
