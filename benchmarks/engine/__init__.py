"""What a codec costs inside Envoy, beside Envoy's own filters: `make bench-engine`."""
