"""The description of a header, checked."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

from attrs import frozen

from metaprotocol_cli.new.fields import INTEGER_SIZES, Field
from metaprotocol_cli.new.problems import AnswersError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLES = ("length", "id", "type", "status", "operation", "headers")
KINDS = ("request", "response", "oneway", "heartbeat", "heartbeat_response", "exception")
COUNTS = ("message", "rest", "body")


def is_count(text: str) -> bool:
    """Return True if a text is one of `COUNTS`, or a number of at most nine digits."""
    return text in COUNTS or re.fullmatch(r"-?[0-9]{1,9}", text) is not None


@frozen
class SplitId:
    """An id that requests and responses have at different offsets, after the header.

    Args:
        to_server: Bytes before it in a request.
        to_client: Bytes before it in a response.
        size: Its own bytes.
    """

    to_server: int
    to_client: int
    size: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "8/4:4", the two offsets and the size; return None for any other text."""
        match = re.fullmatch(r"(\d{1,3})/(\d{1,3}):([248])", text)
        return None if match is None else cls(*map(int, match.groups()))


@frozen(slots=False)
class Protocol:
    """The fixed header of a protocol, with the roles of its fields.

    Args:
        magic: Bytes that every message begins with; b"" if there are none.
        byte_order: The byte order of all integers.
        fields: The fields after the magic, in order.
        roles: The name of the field that has a role of `ROLES`; a role that no field has is left out.
        counts: The bytes that the length field counts: the whole "message", the "rest" after the field, or the "body"
            after the header; or a number that is added to the length to give the bytes after the field.
        kinds: The numbers of the type field, by names of `KINDS`.
        statuses: The numbers of the status field, by name; "ok" is success.
        summed: The names of fields that are added to the length field to give the length.
        in_order: True if responses come in the order of requests; it counts where no field is the id.
        split_id: The id, if it is not a field of the header, as it has another offset in responses; or None.

    Raises:
        AnswersError: The description is not valid; the error lists every problem.
    """

    magic: bytes
    byte_order: Literal["big", "little"]
    fields: tuple[Field, ...]
    roles: Mapping[str, str]
    counts: str
    kinds: Mapping[str, int]
    statuses: Mapping[str, int]
    summed: tuple[str, ...] = ()
    in_order: bool = False
    split_id: SplitId | None = None

    def __attrs_post_init__(self) -> None:
        if problems := [*self._problems()]:
            raise AnswersError(*problems)

    @cached_property
    def size(self) -> int:
        """Bytes of the header."""
        return len(self.magic) + sum(field.size for field in self.fields)

    def field(self, role: str) -> Field | None:
        """Return the field that has a role, if one has."""
        name = self.roles.get(role)
        return next((field for field in self.fields if field.name == name), None)

    def offset(self, field: Field) -> int:
        """Return the bytes before a field."""
        return len(self.magic) + sum(other.size for other in self.fields[: self.fields.index(field)])

    @cached_property
    def length(self) -> Field:
        """The length field."""
        return next(field for field in self.fields if field.name == self.roles["length"])

    @cached_property
    def lengths(self) -> tuple[Field, ...]:
        """The fields whose sum is the length, in their order: the length field, and those that are added to it."""
        return tuple(field for field in self.fields if field.name in (*self.summed, self.roles["length"]))

    @cached_property
    def length_end(self) -> int:
        """The index after the length field."""
        return self.offset(self.length) + self.length.size

    @cached_property
    def adjustment(self) -> int:
        """The number that is added to the length to give the bytes after its field."""
        named = {"message": -self.length_end, "rest": 0, "body": self.size - self.length_end}
        return named[self.counts] if self.counts in named else int(self.counts)

    @cached_property
    def least_length(self) -> int:
        """The value of the length field in a message that is only a header."""
        return self.size - self.length_end - self.adjustment

    @cached_property
    def plain_fields(self) -> tuple[Field, ...]:
        """The fields whose numbers are only shown: those without a role, and the operation."""
        used = {name for role, name in self.roles.items() if role != "operation"} | {*self.summed}
        return tuple(field for field in self.fields if field.name not in used and field.constant is None)

    def _problems(self) -> Iterator[str]:
        if len(self.magic) > 16:
            yield f"the magic has {len(self.magic)} bytes; it may have 16"
        names = [field.name for field in self.fields]
        yield from (f"the field {name} comes twice" for name in dict.fromkeys(names) if names.count(name) > 1)
        if self.magic and "magic" in names:
            yield f"a field is called magic, which is the name of the bytes {self.magic.hex()} before it"
        yield from self._role_problems()
        yield from self._count_problems()
        yield from self._kind_problems()
        yield from self._status_problems()

    def _role_problems(self) -> Iterator[str]:
        if "length" not in self.roles:
            yield "no field is said to be the length, without which it is unknown where a message ends"
        for role, name in self.roles.items():
            field = self.field(role)
            if field is None:
                known = ", ".join(other.name for other in self.fields)
                yield f"the {role} is said to be the field {name!r}; the fields are {known or 'none'}"
            elif field.constant is not None:
                yield f"the field {name} is constant, so it cannot be the {role}"
            elif not field.is_integer:
                sizes = ", ".join(map(str, INTEGER_SIZES))
                yield f"the field {name} has {field.size} bytes; the {role} is a whole number of {sizes} bytes"
        yield from self._sum_problems()
        yield from self._split_problems()
        for name in dict.fromkeys(self.roles.values()):
            shared = [role for role, other in self.roles.items() if other == name]
            if len(shared) > 1:
                yield f"the field {name} cannot be {' and '.join(shared)} at once"

    def _sum_problems(self) -> Iterator[str]:
        fields = {field.name: field for field in self.fields}
        for name in self.summed:
            if name not in fields:
                yield f"the length is said to be a sum with {name!r}; the fields are {', '.join(fields) or 'none'}"
            elif not fields[name].is_integer or fields[name].constant is not None:
                yield f"the field {name} cannot be added to the length: it is not a number that changes"
            elif name in self.roles.values() or self.summed.count(name) > 1:
                yield f"the field {name} is added to the length, so it cannot be something else as well"
        if self.summed and "headers" in self.roles:
            yield "a length that is a sum cannot be combined with a header block"

    def _split_problems(self) -> Iterator[str]:
        if self.split_id is None:
            return
        if min(self.split_id.to_server, self.split_id.to_client) < self.size:
            yield f"the id begins before the end of the header at {self.size}; it must be after the fields"
        if roles := sorted({"type", "status", "operation", "headers"} & self.roles.keys()):
            yield f"an id at two offsets cannot be combined with a field that is the {' or the '.join(roles)}"

    def _count_problems(self) -> Iterator[str]:
        if not is_count(self.counts):
            yield f"the length counts {self.counts!r}; expected {', '.join(COUNTS)} or a whole number"
        elif self.field("length") is not None and not 0 <= self.least_length <= self.length.most:
            yield f"a length that counts {self.counts} cannot describe a message of {self.size} bytes, the header alone"

    def _kind_problems(self) -> Iterator[str]:
        field = self.field("type")
        if field is None:
            return
        for name, value in self.kinds.items():
            if name not in KINDS:
                yield f"{name!r} is not a type of message; the types are {', '.join(KINDS)}"
            elif value > field.most:
                yield f"the type {name}={value} does not fit the field {field.name} of {field.size} bytes"
        if missing := {"request", "response"} - self.kinds.keys():
            yield f"the types lack {' and '.join(sorted(missing))}"
        if "heartbeat_response" in self.kinds and "heartbeat" not in self.kinds:
            yield "there is a type heartbeat_response, but no heartbeat"

    def _status_problems(self) -> Iterator[str]:
        field = self.field("status")
        if field is None:
            return
        if "ok" not in self.statuses:
            yield "no status is named ok, the one that means success"
        elif len(self.statuses) < 2:
            yield "no status but ok is named, so no failure can be reported"
        for name, value in self.statuses.items():
            if value > field.most:
                yield f"the status {name}={value} does not fit the field {field.name} of {field.size} bytes"
