"""Filters in Python for tests in Envoy."""

from fnmatch import fnmatchcase

from metaprotocol_envoy import Context, Filter
from metaprotocol_sdk import Error, ErrorType, Metadata, Mutation


class Allow(Filter):
    """Lets operations pass that match a pattern and have a property: `pattern name=value`."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        pattern, _, condition = self.config.partition(" ")
        name, _, value = condition.partition("=")
        if fnmatchcase(metadata.operation, pattern) and metadata.properties.get(name) == value:
            return None
        who = metadata.properties.get("User", "nobody")
        return Error(ErrorType.UNAUTHORIZED, f"{who} may not call {metadata.operation}")


class Tag(Filter):
    """Adds, changes and removes."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        mutation["Tag-Of"] = self.config
        if "Old" in metadata.properties:
            mutation["Old"] = None
        if "Both" in metadata.properties:
            mutation["Both"] = metadata.properties["Both"] * 2
        return None

    def on_response(self, context: Context, metadata: Metadata, mutation: Mutation) -> None:
        mutation["Seen-By"] = self.config
        mutation["Asked"] = metadata.request.operation


class Where(Filter):
    """Writes the context into the request."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        for name in ("peer", "principal", "server_name", "listener", "route"):
            mutation[name.replace("_", "-")] = getattr(context, name)
        return None


class Misbehaving(Filter):
    """Does what the property `do` says."""

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        match metadata.properties.get("do"):
            case "raise":
                raise ValueError("as it was told")
            case "exit":
                raise SystemExit(3)
            case "nonsense":
                return 42
            case "loop":
                while True:
                    pass
        return None

    def on_response(self, context: Context, metadata: Metadata, mutation: Mutation) -> None:
        if metadata.request.properties.get("do") == "fail response":
            raise ValueError("as it was told")
