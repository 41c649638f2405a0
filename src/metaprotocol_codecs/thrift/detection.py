"""Detects the transport and the protocol of a message from its first bytes.

A message without a frame begins with its protocol's first bytes. A frame begins with its length, and its content with
the protocol's first bytes. Only one pair can be mixed up: the length of a frame, and the length of the name that begins
a non-strict binary message. There the fifth byte decides: a name is UTF-8, so it does not begin with 80 or 82, nor with
0f ff; and a name of the interface definition language does not begin with a NUL or a bracket.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from attrs import frozen

from metaprotocol_codecs.thrift.protocols import COMPACT, JSON, NON_STRICT, STRICT
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE
from metaprotocol_sdk import DecodeError, FramingError, LimitExceeded

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.protocols import Protocol

AUTO = "auto"
FRAMED, UNFRAMED, HEADER = "framed", "unframed", "header"
TRANSPORTS = (AUTO, FRAMED, UNFRAMED, HEADER)
PROTOCOLS = (AUTO, "binary", "compact", "json")

EMPTY_FRAME = bytes(LENGTH_SIZE)
_HINT = "is this Thrift, and does the stream begin at a message?"

_LEADS = {0x80: STRICT, 0x82: COMPACT, 0x5B: JSON}
NUMBERS_IN_HEADER = {"binary": 0, "compact": 2}
"""The numbers that THeader has for the protocols it can hold."""
_IN_HEADER = {0: (STRICT, b"\x80"), 2: (COMPACT, b"\x82")}
# The bytes that can begin a name in UTF-8, except for the bracket.
_NAME_LEADS = frozenset((*range(0x20, 0x7F), *range(0xC2, 0xF5))) - {0x5B}


@frozen
class Form:
    """The transport and protocol of a message. There are few of these objects, and they are shared.

    Args:
        transport: `FRAMED`, `UNFRAMED` or `HEADER`.
        protocol: The protocol; of a message in THeader its own header tells it.
        at: The index in the message at which the protocol begins.
    """

    transport: str
    protocol: Protocol
    at: int


HEADER_FORM = Form(HEADER, STRICT, LENGTH_SIZE)
_UNFRAMED_NON_STRICT = Form(UNFRAMED, NON_STRICT, 0)
_UNFRAMED = {lead: Form(UNFRAMED, protocol, 0) for lead, protocol in _LEADS.items()}
_IN_FRAME = {
    **{lead: Form(FRAMED, protocol, LENGTH_SIZE) for lead, protocol in _LEADS.items()},
    0x00: Form(FRAMED, NON_STRICT, LENGTH_SIZE),
    0x0F: HEADER_FORM,
}
FRAMED_STRICT = _IN_FRAME[0x80]


def protocol_in_header(number: int, data: bytes, at: int) -> Protocol:
    """Return the protocol of a message in THeader.

    Args:
        number: The protocol's number in the header.
        data: The bytes that hold the message, after its transforms are undone.
        at: The index in the data at which the message begins.

    Raises:
        DecodeError: The header names no protocol that THeader has, or the message is in another.
    """
    if number not in _IN_HEADER:
        raise DecodeError(
            f"THeader has no protocol {number}; it has 0, binary, and 2, compact", offset=at, field="protocol"
        )
    protocol, wanted = _IN_HEADER[number]
    lead = data[at : at + 1]
    if protocol is STRICT and b"" < lead < b"\x80":
        return NON_STRICT
    if lead != wanted:
        raise DecodeError(
            f"the header says {protocol.name}, and the message begins with {lead.hex() or 'nothing'}",
            offset=at,
            field="protocol",
        )
    return protocol


class Detection:
    """Tells messages apart, by the options of a codec.

    Args:
        transport: One of `TRANSPORTS`; `AUTO` detects it for each message.
        protocol: One of `PROTOCOLS`; the same.
    """

    def __init__(self, transport: str, protocol: str) -> None:
        self._transport = transport
        self._protocol = protocol
        self._first: dict[int, Form] = {}
        self._fifth: dict[int, Form] = {}
        if transport == AUTO:
            self._first = _UNFRAMED
            self._fifth = {**_IN_FRAME, **dict.fromkeys(_NAME_LEADS, _UNFRAMED_NON_STRICT)}
        elif transport == UNFRAMED:
            self._first = {**dict.fromkeys(range(0x80), _UNFRAMED_NON_STRICT), **_UNFRAMED}
        else:
            self._fifth = _IN_FRAME
        self.first = self._accepted(self._first)
        """Messages without a frame, by their first byte; None for other bytes."""
        self.fifth = self._accepted(self._fifth)
        """Other messages, by their fifth byte; None for other bytes."""

    def unframed(self, data: bytes, at: int, largest: int) -> Protocol | None:
        """Return the protocol of a message without a frame; None if a frame begins here.

        Args:
            data: Bytes of a stream.
            at: The index at which the message begins.
            largest: Bytes that a message may have.

        Raises:
            IndexError: There are too few bytes to tell.
            FramingError: No message begins so.
            LimitExceeded: The message is too large. The offsets of both count from its first byte.
        """
        form = self._first.get(data[at])
        if form is None:
            if self._transport == UNFRAMED:
                raise FramingError(f"no message without a frame begins with {data[at]:02x}", offset=0, hint=_HINT)
            data[at + LENGTH_SIZE - 1]  # IndexError unless the whole length is there
            length = _check_length(data[at : at + LENGTH_SIZE], largest)
            if self._transport != AUTO or not length:
                return None
            fifth = data[at + LENGTH_SIZE]
            form = self._fifth.get(fifth)
            if form is None:
                raise FramingError(
                    f"neither a protocol nor the name of a method begins with {fifth:02x}",
                    offset=LENGTH_SIZE,
                    hint=_HINT,
                )
            if form.transport != UNFRAMED:
                return None
        if self._protocol not in (AUTO, form.protocol.name):
            raise FramingError(
                f"a message begins as in the {form.protocol.name} protocol, and the codec is to read {self._protocol}",
                offset=0,
            )
        return form.protocol

    def form_of(self, message: bytes) -> Form | None:
        """Return the form of a whole message; None if the options rule it out or there is none."""
        form = self.first[message[0]]
        if form is None and len(message) > LENGTH_SIZE:
            form = self.fifth[message[LENGTH_SIZE]]
        return form

    def refuse(self, message: bytes) -> DecodeError:
        """Return the error for a message that is in neither table."""
        if len(message) <= LENGTH_SIZE:
            return DecodeError(f"a message of {len(message)} bytes is shorter than any", offset=len(message))
        form = self._fifth.get(message[LENGTH_SIZE]) or _UNFRAMED.get(message[0])
        if form is None:
            start = message[LENGTH_SIZE : LENGTH_SIZE + 4].hex(" ")
            return DecodeError(f"no protocol of Thrift begins with {start}", offset=LENGTH_SIZE)
        what = form.transport if form.transport == HEADER else f"{form.transport} {form.protocol.name}"
        wanted = " ".join(word for word in (self._transport, self._protocol) if word != AUTO)
        return DecodeError(f"the message is {what}, and the codec is to read {wanted} alone", offset=form.at)

    def _accepted(self, forms: dict[int, Form]) -> list[Form | None]:
        """Return a table of the forms that the options allow."""
        accepted: list[Form | None] = [None] * 256
        for lead, form in forms.items():
            # The protocol of a message in THeader is known when its header is read.
            protocol_fits = form is HEADER_FORM or self._protocol in (AUTO, form.protocol.name)
            if self._transport in (AUTO, form.transport) and protocol_fits:
                accepted[lead] = form
        return accepted


@cache
def detection_of(transport: str, protocol: str) -> Detection:
    """Return the detection for these options. There are few such objects, and they are shared."""
    return Detection(transport, protocol)


def _check_length(field: bytes, largest: int) -> int:
    """Return the length at the beginning of a frame, or of the name in a non-strict message."""
    length = int.from_bytes(field)
    if LENGTH_SIZE + length <= largest:
        return length
    if length >> 31:
        raise FramingError(f"no frame begins with {field.hex(' ')}", offset=0, field="length", hint=_HINT)
    raise LimitExceeded("max_message_size", LENGTH_SIZE + length, largest, offset=0, field="length")
