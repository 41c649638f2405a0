"""Configuration of the mesh: Istio's own kinds, rendered to Envoy's configuration."""
