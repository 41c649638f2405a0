"""The deadline of everything that tests wait for."""

PATIENCE = 180.0
"""Seconds. Nothing takes a tenth of it unless it hangs, not even on a busy machine."""
