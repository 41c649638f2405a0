"""The properties, each with the check that decides it; a module for what belongs together."""
