"""Measures a codec inside Envoy beside Envoy's own filters: `make bench-engine`."""
