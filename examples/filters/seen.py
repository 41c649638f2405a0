"""A filter that leaves its mark."""

from metaprotocol_envoy import Context, Filter
from metaprotocol_sdk import Error, Metadata, Mutation


class Seen(Filter):
    """Adds "python" to the property `seen` of requests."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        mutation["seen"] = f"{metadata.properties.get('seen', '')} python".strip()
        return None
