"""Filters in Python, which see the messages of any protocol between Envoy's own filters."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from metaprotocol_envoy.log import report_bug
from metaprotocol_envoy.settings import INTERPRETER_KEYS, SettingsError, pairs
from metaprotocol_sdk import Error, ErrorType, Mutation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaprotocol_envoy.reply import Reply
    from metaprotocol_envoy.request import Request
    from metaprotocol_sdk import Metadata

GROUP = "metaprotocol.filters"
"""The entry points by which filters are found."""

Headers: TypeAlias = "Iterable[tuple[bytes, bytes]]"

GO, STOP, FAIL = range(3)

Outcome: TypeAlias = "tuple[int, str, tuple[str | None, ...]]"
"""The next action of the C half: GO, STOP or FAIL; the details of the answer; headers to set and, where the value is
None, to remove."""


@frozen
class Context:
    """The source and the target of a message. A field is "" if it is unknown.

    Args:
        peer: The address of the client, with its port.
        principal: The URI of the client's certificate, such as "spiffe://cluster.local/ns/default/sa/web".
        server_name: The name that the client's TLS asked for.
        listener: The address that the client called, with its port.
        route: The name of the route, once it was chosen.
    """

    peer: str = ""
    principal: str = ""
    server_name: str = ""
    listener: str = ""
    route: str = ""


class Filter:
    """Judges and changes messages, for all connections of a listener and all workers.

    A subclass overrides what it needs. A filter that raises has its request answered with an error: it fails closed.

    Args:
        config: The text after `config = ` in the filter's configuration; "" if there is none.
    """

    def __init__(self, config: str = "") -> None:
        self.config = config

    def on_request(self, context: Context, metadata: Metadata, mutation: Mutation) -> Error | None:
        """Look at a request before its route is chosen.

        Args:
            context: Where it comes from.
            metadata: The request, with what filters before have changed. It is a copy.
            mutation: Empty; what is written here changes the request.

        Returns:
            The answer to the client, instead of the server's; None lets the request go on.
        """
        return None

    def on_response(self, context: Context, metadata: Metadata, mutation: Mutation) -> None:
        """Look at a server's answer.

        Args:
            context: As for the request.
            metadata: The answer; `metadata.request` is the request as the client sent it.
            mutation: Empty; what is written here changes the answer.
        """


class FilterRunner:
    """Runs one filter for the C half.

    Args:
        filter_: The filter.
    """

    def __init__(self, filter_: Filter) -> None:
        self._filter = filter_

    @classmethod
    def parse(cls, text: str) -> FilterRunner:
        """Load the filter that a configuration names.

        Args:
            text: Lines of `key = value`, of which `filter` is a name among the entry points or "module:Class".

        Raises:
            SettingsError: There is no such filter.
        """
        settings = {key: value for _, key, value in pairs(text) if key not in INTERPRETER_KEYS}
        unknown = settings.keys() - {"filter", "config"}
        if unknown or not settings.get("filter"):
            raise SettingsError(f"a filter has the settings filter and config, not {', '.join(sorted(settings))}")
        return cls(_load(settings["filter"])(settings.get("config", "")))

    def request(self, request: Request, after: Headers, where: tuple[str, ...]) -> Outcome:
        """Let the filter look at a request.

        Args:
            request: The request.
            after: Its headers as they are now.
            where: The fields of the `Context`.
        """
        mutation = Mutation()
        try:
            error = self._filter.on_request(Context(*where), request.current(after), mutation)
            if error is None:
                return (GO, "", request.change(mutation))
            if not (isinstance(error, Error) and isinstance(error.type, ErrorType)):
                raise TypeError(f"on_request returns an Error with an ErrorType, or None, not {error!r:.60}")
        except Exception as bug:  # noqa: BLE001 - whatever a filter raises
            report_bug(f"the filter {type(self._filter).__name__}", bug)
            return (FAIL, "", ())
        request.stop(error)
        return (STOP, f"metaprotocol_filter:{error.type.value}", ())

    def response(self, reply: Reply, after: Headers, where: tuple[str, ...]) -> Outcome:
        """Let the filter look at an answer.

        Args:
            reply: The answer.
            after: Its headers as they are now.
            where: The fields of the `Context`.
        """
        mutation = Mutation()
        try:
            look: Callable[..., object] = self._filter.on_response
            found = look(Context(*where), reply.current(after), mutation)
            if found is not None:  # such as an Error, of which the author thinks that it stops the answer
                raise TypeError(f"on_response returns None, not {found!r:.60}; raise to fail the request")
            return (GO, "", reply.change(mutation))
        except Exception as bug:  # noqa: BLE001 - whatever a filter raises
            report_bug(f"the filter {type(self._filter).__name__}", bug)
            return (FAIL, "", ())


def _load(name: str) -> type[Filter]:
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            found: Any = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise SettingsError(f"there is no filter {name!r}: {error}") from error
        except Exception as error:
            raise SettingsError(f"the filter {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    else:
        points = entry_points(group=GROUP, name=name)
        if not points:
            known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
            raise SettingsError(f"there is no filter {name!r}; installed are: {known}")
        found = next(iter(points)).load()
    if not (isinstance(found, type) and issubclass(found, Filter)):
        raise SettingsError(f"{name!r} is not a subclass of metaprotocol_envoy.Filter")
    return found
