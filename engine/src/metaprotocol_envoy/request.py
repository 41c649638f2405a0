"""A request on its way through Envoy, from its registration to its answer."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import attrs

from metaprotocol_envoy.attempt import Attempt, StreamAttempt
from metaprotocol_envoy.changes import change_headers, changed, difference, without_tracing
from metaprotocol_envoy.errors import STOPPED, VIA_UPSTREAM, answer_with_error, error_type
from metaprotocol_envoy.log import report_bug
from metaprotocol_envoy.statistics import Counter
from metaprotocol_envoy.upstream_ids import renumbered
from metaprotocol_sdk import EncodeError, Error, ErrorType, MessageType, Mutation, UnsupportedMutation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaprotocol_envoy.errors import Answer
    from metaprotocol_envoy.headers import Fields
    from metaprotocol_envoy.service import Service
    from metaprotocol_sdk import Codec, Metadata

Outgoing: TypeAlias = tuple[bytes, int]
"""Bytes for the server, and the number of a counter, -1 for none."""


class Request:
    """A request that is on its way through Envoy.

    Args:
        service: The filter that the client came to.
        codec: Of the client's connection.
        streams: Those of the client that are open, of which this one may be.
        metadata: The request.
        fields: Its headers.
    """

    __slots__ = (
        *("_codec", "_fields", "_mutation", "_refusal", "_service", "_stopped", "_streams"),
        *("client_closed", "metadata", "number", "opened", "server_closed"),
    )

    def __init__(
        self, service: Service, codec: Codec, streams: dict[int | None, Request], metadata: Metadata, fields: Fields
    ) -> None:
        self._service = service
        self._codec = codec
        self._streams = streams
        self.metadata = metadata
        self._fields = fields
        self._mutation = Mutation()
        self._refusal: Error | None = None
        self._stopped: Error | None = None
        self.number: int | None = None
        # Of a stream: who has ended its half, and whether the server has answered.
        self.client_closed = self.server_closed = self.opened = False

    def renumber(self) -> bytes:
        """Choose the id under which the request leaves; return its bytes with that.

        If the codec cannot write one, the request keeps its own, and no other uses its connection to the server later.
        """
        service, metadata = self._service, self.metadata
        own = metadata.stream_id
        ids = service.stream_ids
        if own is None:
            own, ids = metadata.request_id, service.request_ids
        if ids is not None:
            self.number = ids.new(own)
            try:
                return renumbered(self._codec, metadata, Mutation(), self.number)
            except EncodeError:
                self.number = None
        return metadata.message

    def at_server(self, message: Metadata) -> Metadata:
        """Return a message of the client in the stream with the id that the stream has at the server.

        Args:
            message: A message of the stream.
        """
        if self.number is None:
            return message
        known = copy.copy(message)
        known.stream_id = self.number
        return known

    def current(self, after: Iterable[tuple[bytes, bytes]]) -> Metadata:
        """Return the request as the filters before have left it.

        Args:
            after: Its headers as they are now.
        """
        changes = difference(self._service.request_rules, self._fields.flat, self._fields.names, after)
        return changed(self.metadata, changes)

    def change(self, mutation: Mutation) -> tuple[str | None, ...]:
        """Return the change of headers that a filter's mutation means: names and values in turn, None to remove.

        Args:
            mutation: What the filter wants changed.
        """
        return change_headers(self._fields, mutation)

    def stop(self, error: Error) -> None:
        """Remember the answer of a filter, for `local_reply`.

        Args:
            error: What the filter has returned.
        """
        self._stopped = error

    def outgoing(self, after: Iterable[tuple[bytes, bytes]], authority_changed: bool) -> Outgoing | int:
        """Return the bytes for the server: the message, changed as its headers were.

        Args:
            after: The headers that came out of Envoy's filters.
            authority_changed: True if `:authority` is another than went in.

        Returns:
            The bytes and the number of a counter, -1 for none; or that number alone, if the message cannot carry the
            change.
        """
        service, codec, metadata = self._service, self._codec, self.metadata
        try:
            headers = list(after)
            mutation = Mutation(difference(service.request_rules, self._fields.flat, self._fields.names, headers))
            if authority_changed:
                mutation |= service.authority_mutation(headers)
            self._mutation = mutation
            try:
                return (renumbered(codec, metadata, mutation, self.number), -1)
            except UnsupportedMutation:
                # A message without room for a trace goes without it, so that tracing never refuses a call.
                rest = without_tracing(mutation)
                if len(rest) < len(mutation):
                    with suppress(UnsupportedMutation):
                        found = renumbered(codec, metadata, rest, self.number)
                        self._mutation = rest
                        return (found, -1)
                if not service.passes:
                    raise
                unchanged = renumbered(codec, metadata, Mutation(), self.number)
                return (unchanged, Counter.MUTATIONS_REFUSED)
        except UnsupportedMutation as error:
            self._refusal = Error(ErrorType.BAD_REQUEST, f"the request cannot be changed as Envoy asks: {error}")
            return int(Counter.MUTATIONS_REFUSED)
        except EncodeError as error:
            self._refusal = Error(ErrorType.BAD_REQUEST, f"the request cannot be sent: {error}")
            return int(Counter.MUTATIONS_REFUSED)
        except Exception as bug:  # noqa: BLE001 - whatever a codec raises
            report_bug(codec, bug)
            self._refusal = Error(ErrorType.UNSPECIFIED, "the codec failed")
            return int(Counter.CODEC_EXCEPTIONS)

    def attempt(self) -> Attempt | StreamAttempt:
        """Return the decoder of one attempt to get an answer."""
        echoed: dict[str, str | None] = {}
        if self._mutation:
            for name in self._codec.echoed_properties & self._mutation.keys():
                echoed[name] = self.metadata.properties.get(name)
        if self.metadata.message_type is MessageType.STREAM_INIT:
            return StreamAttempt(self._service, self._codec, self, self.number, echoed)
        return Attempt(self._service, self._codec, self.metadata, self.number, echoed)

    def close_stream(self) -> None:
        """Forget a stream, which has ended; its id may be another's by now."""
        streams, number = self._streams, self.metadata.stream_id
        if streams.get(number) is self:
            del streams[number]

    # Errors of an attempt. The C half keeps them with the attempt, and hands the one that Envoy delivers to `answer`.

    def refusal(self) -> Error:
        """Return the reason for which `outgoing` returned no bytes."""
        return self._refusal or Error(ErrorType.UNSPECIFIED, "the codec failed")

    def changed_method(self) -> Error:
        """Return the error of a request whose `:method` was changed."""
        return Error(ErrorType.BAD_REQUEST, "the request's HTTP method was changed")

    def changed_path(self) -> Error:
        """Return the error of a request whose `:path` was changed, which no message can carry."""
        return Error(ErrorType.BAD_REQUEST, "the request's :path was changed, which its message cannot carry")

    def changed_request_body(self) -> Error:
        """Return the error of a request that was given a body or trailers."""
        return Error(ErrorType.BAD_REQUEST, "the request was given an HTTP body, which its message cannot carry")

    def bad_response(self) -> Error:
        """Return the error of a request whose server did not answer it with a message that can be read."""
        return Error(ErrorType.BAD_RESPONSE, "the server's bytes are no answer to the request")

    def stream_cannot_be_repeated(self) -> Error:
        """Return the error of a stream that is retried or mirrored: its messages have left already."""
        return Error(ErrorType.UPSTREAM_RESET, "a stream cannot be retried or mirrored")

    def no_room(self) -> Error:
        """Return the error of a request whose answer would have to wait, and there is no room for it."""
        return Error(ErrorType.OVERFLOW, "too many answers wait for clients that do not read")

    # Answers to the client.

    def answer(self, error: Error | None, ids: str = "") -> Answer:
        """Return the answer to a request whose attempt ended with an error.

        Args:
            error: What one of the methods above returned; None if the codec failed.
            ids: The ids of the request and its trace, for a person.
        """
        return self._answer(error or Error(ErrorType.UNSPECIFIED, "the codec failed"), ids)

    def local_reply(self, status: int, why: str) -> Answer:
        """Return the answer to a request that Envoy answered itself.

        Args:
            status: The HTTP status of Envoy's own reply; 0 if the stream was reset.
            why: Envoy's `response.code_details`, or "". The ids of the request and its trace may follow in a line.
        """
        details, _, ids = why.partition("\n")
        if self._stopped is not None and details.startswith(STOPPED):
            return self._answer(self._stopped, ids)
        if not status and details.startswith(VIA_UPSTREAM):
            details = ""  # of an answer that has begun; its end was lost
        cause = error_type(status, details)
        text = details or (f"HTTP status {status}" if status else "Envoy has reset the stream")
        return self._answer(Error(cause, text), ids)

    def overflow(self) -> Answer:
        """Return the answer to a request that was not sent, since too many wait."""
        self.close_stream()
        return self._answer(Error(ErrorType.OVERFLOW, "too many requests wait for an answer"))

    def changed_body(self) -> Answer:
        """Return the answer to a request whose answer was changed as an HTTP body."""
        return self._answer(Error(ErrorType.BAD_RESPONSE, "the answer was given an HTTP body"))

    def _answer(self, error: Error, ids: str = "") -> Answer:
        if ids:
            error = attrs.evolve(error, message=f"{error.message} ({ids})")
        return answer_with_error(self._codec, self.metadata, error, open_stream=self.opened)
