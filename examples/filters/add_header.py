"""A filter that tells the server who has called it, and the client who has answered."""

from metaprotocol_envoy import Context, Filter
from metaprotocol_sdk import Error, Metadata, Mutation


class AddHeader(Filter):
    """Adds `caller` to requests and `answered-by` to responses; what the client itself has set is replaced."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        mutation["caller"] = context.principal or context.peer
        return None

    def on_response(self, context: Context, metadata: Metadata, mutation: Mutation) -> None:
        mutation["answered-by"] = context.listener
