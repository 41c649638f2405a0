"""A filter that lets only some clients call some operations.

Its configuration names a file with a rule a line: a pattern of operations, and what the caller must be. Later rules do
not matter once one has matched.

    # operation     caller
    reviews/*       principal=spiffe://cluster.local/ns/default/sa/web
    reviews/7       User=jason
"""

from fnmatch import fnmatchcase
from pathlib import Path

from metaprotocol_envoy import Context, Filter
from metaprotocol_sdk import Error, ErrorType, Metadata, Mutation


class Authorize(Filter):
    """Answers what no rule allows with UNAUTHORIZED."""

    def __init__(self, config: str) -> None:
        super().__init__(config)
        lines = (line.split() for line in Path(config).read_text("utf-8").splitlines())
        self._rules = [(pattern, *caller.split("=", 1)) for pattern, caller in (x for x in lines if x and x[0] != "#")]

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        for pattern, name, value in self._rules:
            found = context.principal if name == "principal" else metadata.properties.get(name)
            if fnmatchcase(metadata.operation, pattern) and found == value:
                return None
        return Error(ErrorType.UNAUTHORIZED, f"{metadata.operation} may not be called by this client")
