"""The defaults of a codec that has only a name, a framing and decode."""

import pytest
from construct import Bytes, Int16ub, Struct
from toy_protocols import OpaqueCodec, codec_for

from metaprotocol_sdk import (
    ClosingReply,
    Codec,
    Correlation,
    Direction,
    EncodeError,
    Error,
    ErrorType,
    Layout,
    LengthField,
    Limits,
    MessageDecoder,
    MessageType,
    Metadata,
    Mutation,
    Span,
    Status,
    UnsupportedMutation,
    UpstreamConnection,
)

CODEC = codec_for(LengthField(0, 2))


def request(*, expects_reply: bool = True) -> Metadata:
    return Metadata(b"\x00\x03abc", MessageType.REQUEST, 5, expects_reply=expects_reply)


def test_it_is_a_plain_request_response_protocol() -> None:
    assert (CODEC.capabilities, CODEC.correlation) == (frozenset(), Correlation.ID)
    assert (CODEC.max_request_id, CODEC.server_first, CODEC.layout) == (2**64 - 1, False, None)
    assert CODEC.echoed_properties == frozenset()


def test_an_empty_mutation_gives_back_the_very_bytes() -> None:
    metadata = request()
    assert CODEC.encode(metadata, Mutation()) is metadata.message
    assert CODEC.encode(metadata, Mutation(), 5) is metadata.message


@pytest.mark.parametrize("mutation", [{"key": "value"}, {"key": None}])
def test_a_mutation_is_refused_and_not_dropped(mutation: dict[str, str | None]) -> None:
    with pytest.raises(UnsupportedMutation, match=r"the codec toy cannot change messages: \['key'\]"):
        CODEC.encode(request(), Mutation(mutation))


def test_another_id_is_refused() -> None:
    with pytest.raises(EncodeError, match="the codec toy cannot change the id of a message") as caught:
        CODEC.encode(request(), Mutation(), 6)
    assert not isinstance(caught.value, UnsupportedMutation)


@pytest.mark.parametrize("error_type", ErrorType)
def test_a_request_that_expects_a_reply_cannot_be_answered(error_type: ErrorType) -> None:
    with pytest.raises(EncodeError, match="the codec toy cannot build error replies"):
        CODEC.on_error(request(), Error(error_type))


def test_a_request_that_expects_no_reply_is_answered_with_nothing() -> None:
    assert CODEC.on_error(request(expects_reply=False), Error(ErrorType.TIMEOUT)) == b""


def test_heartbeats_pass_through() -> None:
    assert CODEC.heartbeat_reply(Metadata(b"", MessageType.HEARTBEAT, expects_reply=True)) is None


def test_there_are_no_examples() -> None:
    assert list(CODEC.examples()) == []


def test_one_object_serves_all_connections() -> None:
    assert CODEC.for_connection() is CODEC


def test_a_paired_response_stays_as_it_is() -> None:
    response = Metadata(b"\x00\x00", MessageType.RESPONSE, 5, request=request())
    before = response.clone()
    assert CODEC.complete(response) is None
    assert response == before


def test_without_a_layout_a_message_is_one_span() -> None:
    assert CODEC.spans(request()) == [Span(0, 5, "message")]
    assert CODEC.spans(Metadata(b"", MessageType.REQUEST)) == []


class WithLayout(OpaqueCodec):
    name = "with-layout"
    framing = LengthField(0, 2)
    layout = Layout(Struct("length" / Int16ub, "tag" / Bytes(2)))


@pytest.mark.parametrize(
    ("message", "spans"),
    [
        ("0003 6162 63", [Span(0, 2, "length", "3"), Span(2, 4, "tag"), Span(4, 5, "body")]),
        ("0002 6162", [Span(0, 2, "length", "2"), Span(2, 4, "tag")]),
        ("0001 61", [Span(0, 2, "length", "1"), Span(2, 3, "tag", "", "cut off: 1 of 2 bytes")]),
    ],
)
def test_with_a_layout_its_fields_come_first_and_then_the_body(message: str, spans: list[Span]) -> None:
    assert WithLayout().spans(Metadata(bytes.fromhex(message), MessageType.REQUEST)) == spans


def test_limits_are_the_classs_unless_the_object_is_given_some() -> None:
    class Small(OpaqueCodec):
        name = "small"
        framing = LengthField(0, 2)
        default_limits = Limits(max_message_size=10)

    assert Small().limits is Small.default_limits
    assert Small(limits=Limits(max_message_size=20)).limits.max_message_size == 20
    assert CODEC.limits == Limits()


@pytest.mark.parametrize("limits", [5, {"max_message_size": 5}, Limits])
def test_limits_that_are_none_are_refused_when_the_codec_is_made(limits: object) -> None:
    with pytest.raises(TypeError, match="limits"):
        type(CODEC)(limits=limits)


def test_limits_and_options_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        type(CODEC)(Limits())


def test_a_codec_prints_the_options_that_differ_from_the_default() -> None:
    class Verbose(OpaqueCodec):
        name = "verbose"
        framing = LengthField(0, 2)

        def __init__(self, *, loud: bool = False, limits: Limits | None = None) -> None:
            super().__init__(limits=limits)
            self.loud = loud

    assert repr(CODEC) == "ToyCodec()"
    assert repr(Verbose(loud=True)) == "Verbose(loud=True)"
    assert repr(Verbose(limits=Limits(max_depth=3))).startswith("Verbose(limits=Limits(")


def test_a_codec_that_keeps_state_returns_a_new_object_for_each_connection() -> None:
    class Counting(OpaqueCodec):
        name = "counting"
        framing = LengthField(0, 2)
        count = 0

        def for_connection(self) -> Codec:
            return type(self)(limits=self.limits)

        def decode(self, message: bytes, direction: Direction) -> Metadata:
            self.count += 1
            return Metadata(message, MessageType.REQUEST, self.count)

    shared = Counting()
    for _ in range(2):
        decoder = MessageDecoder(shared.for_connection(), Direction.TO_SERVER)
        assert [metadata.request_id for metadata in decoder.feed(bytes(4))] == [1, 2]
    assert shared.count == 0


def test_any_connection_to_the_server_will_do_and_no_id_is_reserved() -> None:
    assert CODEC.upstream_connection is UpstreamConnection.SHARED
    assert (CODEC.ordered_replies, CODEC.reserved_ids) == (False, frozenset())


def test_a_client_that_cannot_be_served_is_told_nothing() -> None:
    assert CODEC.refuse(Error(ErrorType.NO_HEALTHY_UPSTREAM)) == b""


@pytest.mark.parametrize(("status", "reason"), [(Status.OK, None), (Status.ERROR, ErrorType.UNSPECIFIED)])
def test_a_response_is_a_failure_if_its_status_is(status: Status, reason: ErrorType | None) -> None:
    response = Metadata(b"", MessageType.EXCEPTION, status=status)
    assert CODEC.error_type(response) is reason


def test_the_spans_of_a_message_with_a_trailer_end_with_it() -> None:
    metadata = Metadata(b"\x00\x05abcde", MessageType.REQUEST, trailer_size=2)
    assert CODEC.spans(metadata) == [Span(0, 5, "message"), Span(5, 7, "trailer")]


def test_the_spans_follow_the_layout_of_the_message() -> None:
    short, long = Layout(Struct("length" / Int16ub)), Layout(Struct("length" / Int16ub, "more" / Bytes(2)))

    class TwoLayouts(OpaqueCodec):
        name = "two-layouts"
        framing = LengthField(0, 2)
        layout = short

        def layout_of(self, message: bytes) -> Layout:
            return long if len(message) > 4 else short

    codec = TwoLayouts()
    names = [[span.name for span in codec.spans(Metadata(data, MessageType.REQUEST))] for data in (b"\0\0", b"\0\3abc")]
    assert names == [["length"], ["length", "more", "body"]]


def test_a_reply_that_closes_the_connection_is_bytes() -> None:
    reply = ClosingReply(b"bye")
    assert (reply, isinstance(reply, bytes), ClosingReply()) == (b"bye", True, b"")
