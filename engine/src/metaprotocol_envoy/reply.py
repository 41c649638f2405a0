"""An answer of a server, on its way back to the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_envoy.changes import change_headers, changed, difference
from metaprotocol_envoy.errors import answer_with_error
from metaprotocol_envoy.log import Rationed, report_bug
from metaprotocol_envoy.statistics import Counter
from metaprotocol_envoy.upstream_ids import renumbered
from metaprotocol_sdk import (
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Metadata,
    Mutation,
    ProtocolError,
    UnsupportedMutation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.errors import Answer
    from metaprotocol_envoy.headers import Fields
    from metaprotocol_envoy.service import Service
    from metaprotocol_sdk import Codec

_UNCHANGED = Rationed()


class Reply:
    """An answer that is on its way back to the client.

    Args:
        service: The filter that the client came to.
        codec: Of the client's connection.
        metadata: The answer.
        fields: Its headers.
        restored: The client's own id; None if the answer has it.
        echoed: The client's own values of properties that the answer repeats.
    """

    __slots__ = ("_codec", "_echoed", "_fields", "_metadata", "_restored", "_service")

    def __init__(
        self,
        service: Service,
        codec: Codec,
        metadata: Metadata,
        fields: Fields,
        restored: int | None,
        echoed: dict[str, str | None],
    ) -> None:
        self._service = service
        self._codec = codec
        self._restored = restored
        self._echoed = echoed
        self._fields = fields
        self._metadata = metadata

    def current(self, after: Iterable[tuple[bytes, bytes]]) -> Metadata:
        """Return the answer as the filters before have left it, under the id that the client gave its request.

        Args:
            after: Its headers as they are now.
        """
        changes = difference(self._service.response_rules, self._fields.flat, self._fields.names, after)
        answer = changed(self._metadata, changes)
        if self._restored is not None:
            if answer.stream_id is None:
                answer.request_id = self._restored
            else:
                answer.stream_id = self._restored
        return answer

    def change(self, mutation: Mutation) -> tuple[str | None, ...]:
        """Return the change of headers that a filter's mutation means.

        Args:
            mutation: What the filter wants changed.
        """
        return change_headers(self._fields, mutation)

    def deliver(self) -> Answer:
        """Return the bytes for the client, and let the codec of its connection see them."""
        return self._deliver(Mutation({} if self._metadata.error else self._echoed))

    def deliver_changed(self, after: Iterable[tuple[bytes, bytes]]) -> Answer:
        """Return the bytes for the client: the answer, changed as its headers were.

        Args:
            after: The headers that came out of Envoy's filters.
        """
        rules = self._service.response_rules
        changes = difference(rules, self._fields.flat, self._fields.names, after)
        return self._deliver(Mutation({**self._echoed, **changes}))

    def _deliver(self, mutation: Mutation) -> Answer:
        codec, metadata = self._codec, self._metadata
        try:
            if not self._service.stateless:
                metadata = _seen_by(codec, metadata)
            try:
                return (-1, renumbered(codec, metadata, mutation, self._restored), False)
            except UnsupportedMutation:
                if not self._service.passes:
                    raise
                unchanged = renumbered(codec, metadata, Mutation(self._echoed), self._restored)
                return (Counter.MUTATIONS_REFUSED, unchanged, False)
        except EncodeError as error:
            _UNCHANGED.report(f"a response cannot be changed as Envoy asks: {error}")
            counter = Counter.MUTATIONS_REFUSED
            reason = Error(ErrorType.BAD_RESPONSE, f"the answer cannot be changed as Envoy asks: {error}")
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(codec, bug)
            counter = Counter.CODEC_EXCEPTIONS
            reason = Error(ErrorType.UNSPECIFIED, "the codec failed")
        _, reply, close = answer_with_error(codec, self._request, reason)
        return (int(counter), reply, close)

    @property
    def _request(self) -> Metadata:
        request = self._metadata.request
        assert request is not None  # noqa: S101 - Attempt has set it
        return request


def _seen_by(codec: Codec, answer: Metadata) -> Metadata:
    """Decode an answer again, with the codec that keeps the state of its client's connection."""
    try:
        seen = codec.decode(answer.message, Direction.TO_CLIENT)
    except ProtocolError:
        return answer
    seen.request = answer.request
    try:
        codec.complete(seen)
    except ProtocolError as error:
        seen.error = error.with_traceback(None)
    return seen
