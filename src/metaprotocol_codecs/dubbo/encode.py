"""Applies a mutation to a Dubbo message, or says why it cannot carry it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from metaprotocol_codecs.dubbo import header
from metaprotocol_codecs.dubbo.fastjson2 import FASTJSON2, KIND_OFFSET, Fastjson2Span, edit_fastjson2_attachments
from metaprotocol_codecs.dubbo.mutation import check_count, edit_attachments, write_key, write_map, write_value
from metaprotocol_codecs.dubbo.request import BODY_FIELDS, EVENT_FIELDS
from metaprotocol_codecs.dubbo.response import EXCEPTION_WITH_ATTACHMENTS, FIELDS
from metaprotocol_codecs.hessian2 import read_strings
from metaprotocol_codecs.hessian2.strings import read_integer
from metaprotocol_sdk import EncodeError, Limits, Metadata, Mutation, UnsupportedMutation

if TYPE_CHECKING:
    from metaprotocol_codecs.dubbo.attachments import AttachmentsSpan
    from metaprotocol_codecs.dubbo.mutation import Edit

# From the first version whose clients read attachments of responses to the last of protocol version 2.0.
_FIRST_WITH_RESPONSE_ATTACHMENTS, _LAST_WITH_RESPONSE_ATTACHMENTS = 2_000_200, 2_009_900
_WORTH_A_VIEW = 4096
_LEADING_DIGITS = re.compile(r"[0-9]{1,9}")


def edits_for(metadata: Metadata, mutation: Mutation, limits: Limits) -> list[Edit]:
    """Return the edits that apply a mutation to a message.

    Args:
        metadata: The message.
        mutation: What to set and remove, not empty.
        limits: Bounds of what the message may become.

    Raises:
        UnsupportedMutation: The message cannot carry it.
    """
    flags = metadata.message[2]
    if metadata.error is not None:
        raise UnsupportedMutation(f"the message cannot be read, so it cannot be changed: {metadata.error}")
    serialization = flags & header.SERIALIZATION
    is_fastjson2 = serialization == FASTJSON2 and (metadata.state is not None or not metadata.incomplete)
    if flags & header.EVENT == 0 and serialization != header.HESSIAN2 and not is_fastjson2:
        number = flags & header.SERIALIZATION
        name = header.SERIALIZATIONS.get(number, str(number))
        raise UnsupportedMutation(f"the attachments of a message in the serialization {name} cannot be changed")
    fields = FIELDS
    if flags & header.REQUEST:
        fields = EVENT_FIELDS if flags & header.EVENT else BODY_FIELDS
    for key in mutation:
        if key in fields:
            hint = "; set the attachment path instead" if key == "interface" else ""
            raise UnsupportedMutation(f"{key} is a field of the body, not an attachment{hint}")
    if flags & header.EVENT or (metadata.message[3] != header.OK and not flags & header.REQUEST):
        return _nothing_to_remove(mutation, f"a {metadata.message_type} without a result has no attachments")
    if flags & header.REQUEST:
        return _request_edits(metadata, mutation, limits)
    if is_fastjson2:
        return _fastjson2_response_edits(metadata, mutation, limits)
    return _response_edits(metadata, cast("AttachmentsSpan", metadata.state), mutation, limits)


def rewrite(message: bytes, edits: list[Edit], request_id: int | None, limits: Limits) -> bytes:
    """Return a message with its body edited and its header made to fit.

    Args:
        message: A Dubbo message.
        edits: What changes in its body.
        request_id: The id to write, or None to keep it.
        limits: Bounds of what the message may become.

    Raises:
        EncodeError: The header cannot hold the id.
        UnsupportedMutation: The message becomes longer than the limit.
    """
    if request_id is not None and not 0 <= request_id < 1 << 64:
        raise EncodeError(f"a Dubbo request id has 64 bits; {request_id} does not fit")
    identity = message[4:12] if request_id is None else request_id.to_bytes(8)
    # Copying a large body twice costs more than all the rest, and making views of a small one more than copying it.
    view = message if len(message) < _WORTH_A_VIEW else memoryview(message)
    parts: list[bytes | memoryview] = [b""]
    at = header.LAYOUT.size
    size = len(message)
    for start, end, text in edits:
        parts += (view[at:start], text)
        size += len(text) - (end - start)
        at = end
    parts.append(view[at:])
    if size > limits.max_message_size:
        raise UnsupportedMutation(
            f"the message would become {size:,} bytes long; the limit is {limits.max_message_size:,}"
        )
    parts[0] = message[:4] + identity + (size - header.LAYOUT.size).to_bytes(4)
    return b"".join(parts)


def reads_response_attachments(version: str) -> bool:
    """Return whether a client of this protocol version reads attachments of responses.

    Source: Version.isSupportResponseAttachment of Apache Dubbo 2.6 and 2.7. The number of a version is made of its
    parts in base 100, one more level where it has three: 2.0.2 is 2,000,200.

    Args:
        version: The property `dubbo` of a request.
    """
    number = 0
    parts = version.split(".")
    for part in parts[:5]:
        digits = _LEADING_DIGITS.match(part)
        if digits is None:
            return False
        number = number * 100 + int(digits[0])
    if len(parts) == 3:
        number *= 100
    return _FIRST_WITH_RESPONSE_ATTACHMENTS <= number <= _LAST_WITH_RESPONSE_ATTACHMENTS


def _nothing_to_remove(mutation: Mutation, why: str) -> list[Edit]:
    """Refuse to set a key that the message cannot hold. Its removal changes nothing."""
    for key, value in mutation.items():
        if value is not None:
            raise UnsupportedMutation(f"{key} cannot be set: {why}")
    return []


def _request_edits(metadata: Metadata, mutation: Mutation, limits: Limits) -> list[Edit]:
    message, span = metadata.message, metadata.state
    is_fastjson2 = isinstance(span, Fastjson2Span)
    if "version" in mutation or "path" in mutation:
        if is_fastjson2:
            path, version = span.path, span.version
        else:
            _, path, version = read_strings(message, header.LAYOUT.size, 3)[0]
        wanted = Mutation(mutation)
        for key, in_body in (("path", path), ("version", version)):
            if in_body is None or key not in mutation:
                continue
            if mutation[key] == metadata.properties.get(key):
                # The body may say it. Where it is absent, an attachment that is not a string hides what the body says.
                del wanted[key]
            elif mutation[key] is None and key == "version":
                raise UnsupportedMutation("version cannot be removed: the body has one, which would show")
        mutation = wanted
    if is_fastjson2:
        return edit_fastjson2_attachments(message, span, mutation, limits)
    return edit_attachments(message, span, mutation, limits)


def _response_edits(metadata: Metadata, span: AttachmentsSpan, mutation: Mutation, limits: Limits) -> list[Edit]:
    message = metadata.message
    kind = read_integer(message, header.LAYOUT.size)[0]
    if kind >= EXCEPTION_WITH_ATTACHMENTS:
        return edit_attachments(message, span, mutation, limits)
    added = [
        (write_key(key, limits), write_value(key, value, limits))
        for key, value in mutation.items()
        if value is not None
    ]
    if not added:
        return []
    check_count(len(added), limits)
    _check_client_reads_attachments(metadata.request)
    # The last byte of an int holds its low bits, whichever form it has; kinds with attachments are 3 higher.
    kind_at = span.values_start - 1
    return [
        (kind_at, kind_at + 1, bytes((message[kind_at] + 3,))),
        (span.start, span.start, write_map(added)),
    ]


def _fastjson2_response_edits(metadata: Metadata, mutation: Mutation, limits: Limits) -> list[Edit]:
    message, span = metadata.message, cast("Fastjson2Span", metadata.state)
    edits = edit_fastjson2_attachments(message, span, mutation, limits)
    if edits and span.start == span.end:
        _check_client_reads_attachments(metadata.request)
        kind_at = header.LAYOUT.size + KIND_OFFSET
        edits.insert(0, (kind_at, kind_at + 1, bytes((message[kind_at] + EXCEPTION_WITH_ATTACHMENTS,))))
    return edits


def _check_client_reads_attachments(request: Metadata | None) -> None:
    if request is None:
        raise UnsupportedMutation(
            "this response has no attachments, and without its request it is unknown whether the client reads any"
        )
    version = request.properties.get("dubbo", "")
    if not reads_response_attachments(version):
        raise UnsupportedMutation(
            f"this response has no attachments, and a client of protocol version {version!r} reads none; "
            "2.0.2 to 2.0.99 do"
        )
