"""`metaprotocol new`: from what an engineer knows of a protocol's header to a project with a codec."""
