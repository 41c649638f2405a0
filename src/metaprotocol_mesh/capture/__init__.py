"""Captures what passes through a running mesh, by Envoy's tap."""
