"""Programs that speak tRPC by libraries of others."""
