"""The interface of Thrift's protocols: binary, compact and JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from metaprotocol_sdk import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_codecs.thrift.idl import Type
    from metaprotocol_codecs.thrift.protocols.skip import Skipper
    from metaprotocol_codecs.thrift.protocols.walker import Walker
    from metaprotocol_sdk import Limits

CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
MESSAGE_TYPES = {CALL: "call", REPLY: "reply", EXCEPTION: "exception", ONEWAY: "oneway"}

Head = tuple[int, int, str, int]
"""A message's type, its sequence id (0 to 2**32 - 1), its name, and the index of its struct."""


class Places(NamedTuple):
    """The places of the parts of a message that can be changed, and of its type."""

    name_start: int
    """The index of the name's length, or of its first quote."""
    name_end: int
    id_start: int
    id_end: int
    type_start: int


class FieldPlace(NamedTuple):
    """One field of a struct."""

    number: int
    """Its id."""
    kind: str
    """Its type, by the name that the interface definition language has for it."""
    start: int
    value_start: int
    """The index of its value; a boolean that is in the field's type begins where the field does."""
    end: int


class Protocol(ABC):
    """One way to write a message. Its objects hold nothing and are shared.

    Bytes that are cut off raise `IndexError` or `struct.error`; other faults raise `DecodeError`, with an offset that
    counts from the data's first byte.
    """

    name: str

    @abstractmethod
    def struct_start(self, data: bytes, at: int) -> int:
        """Return the index at which a skipper begins, from the message's first bytes; it may lie after the data."""

    @abstractmethod
    def skipper(self, limits: Limits) -> Skipper:
        """Return a new skipper, which begins at `struct_start` and ends where the message does."""

    @abstractmethod
    def read_head(self, data: bytes, at: int) -> Head:
        """Read the part before the struct."""

    @abstractmethod
    def flat_end(self, data: bytes, start: int) -> int:
        """Return the end of the message whose struct begins at `start`, if it is found at a glance.

        Otherwise return `~index` of the place at which the skipper can begin.
        """

    @abstractmethod
    def message_end(self, data: bytes, at: int, start: int, limits: Limits) -> int:
        """Return the end of a message that begins at `at`, and its struct at `start`.

        Raises:
            DecodeError: Its struct is malformed or cut off.
            LimitExceeded: Its struct passes the limits.
        """

    @abstractmethod
    def places(self, data: bytes, at: int) -> Places:
        """Return the places of the parts that can be changed."""

    @abstractmethod
    def first_field(self, data: bytes, start: int) -> int | None:
        """Return the id of the struct's first field, or None if it has none."""

    @abstractmethod
    def fields(self, data: bytes, start: int, limits: Limits) -> Iterator[FieldPlace]:
        """Yield the fields of a struct, in order."""

    @abstractmethod
    def describe(self, data: bytes, field: FieldPlace, known: Type | None, limits: Limits) -> str:
        """Return a field's value for a person, with the names that its type is known to have."""

    @abstractmethod
    def walker(self, data: bytes, start: int, limits: Limits) -> Walker:
        """Return a walker through a struct, which a skipper has found to be sound."""

    @abstractmethod
    def read_text(self, data: bytes, start: int, end: int) -> str:
        """Return the text of a string."""

    @abstractmethod
    def read_integer(self, data: bytes, start: int, end: int) -> int:
        """Return an integer."""

    @abstractmethod
    def write_text(self, text: str) -> bytes:
        """Return a string as it stands in a message.

        Raises:
            UnicodeEncodeError: The text cannot be encoded.
        """

    @abstractmethod
    def write_id(self, request_id: int) -> bytes:
        """Return a sequence id, 0 to 2**32 - 1, as it stands in a message."""

    @abstractmethod
    def write_message(self, kind: int, name: str, request_id: int, struct: bytes) -> bytes:
        """Return a message around a written struct."""

    @abstractmethod
    def write_exception(self, text: str, code: int) -> bytes:
        """Return the struct of a TApplicationException."""


LONGEST_DESCRIPTION = 1000
"""Characters that are shown of one value."""


def signed(request_id: int) -> int:
    """Return a sequence id as the signed integer of 32 bits that Thrift takes it for."""
    return request_id - (1 << 32) if request_id >> 31 else request_id


def cut_off(data: bytes, part: str) -> DecodeError:
    """Return the error for a message that ends in one of its parts."""
    return DecodeError(f"the message ends in the middle of its {part}", offset=len(data))


def skip_whole(skipper: Skipper, data: bytes, start: int) -> int:
    """Return the end that a new skipper finds; raise `DecodeError` if the data ends first."""
    end = skipper.run(data, start)
    if not skipper.done or end > len(data):
        raise cut_off(data, "struct")
    return end
