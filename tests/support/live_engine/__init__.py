"""Codecs in a real Envoy: its configuration, clients and servers."""
