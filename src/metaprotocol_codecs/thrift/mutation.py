"""Applies a mutation to the bytes of a message: the method's name, the sequence id, the keys of a THeader.

All other bytes stay. A transformed message is transformed anew only if it has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_codecs.thrift.detection import UNFRAMED
from metaprotocol_codecs.thrift.names import FIELDS, SEPARATOR, join_name, split_name
from metaprotocol_codecs.thrift.theader import transforms
from metaprotocol_codecs.thrift.theader.edits import edit_header
from metaprotocol_codecs.thrift.theader.header import LENGTH_SIZE, SEQUENCE
from metaprotocol_sdk import EncodeError, Mutation, UnsupportedMutation
from metaprotocol_sdk.edits import Edit, splice

if TYPE_CHECKING:
    from metaprotocol_codecs.thrift.detection import Detection, Form
    from metaprotocol_codecs.thrift.protocols import Protocol
    from metaprotocol_sdk import Limits, Metadata

_LARGEST_ID = 2**32 - 1
# Readers take the length of a frame as a signed integer.
_LONGEST_FRAME = 2**31 - 1


def rewrite(
    metadata: Metadata, mutation: Mutation, request_id: int | None, detection: Detection, limits: Limits
) -> bytes:
    """Return a message with a mutation applied.

    Args:
        metadata: The decoded message.
        mutation: The keys to set and to remove.
        request_id: The sequence id to write, or None.
        detection: The detection that the result must pass.
        limits: Bounds for the changed message.

    Raises:
        UnsupportedMutation: The message cannot carry the mutation.
        EncodeError: The sequence id is out of range, or that of the message cannot be changed.
    """
    if request_id is not None and not 0 <= request_id <= _LARGEST_ID:
        raise EncodeError(f"a sequence id is 0 to {_LARGEST_ID:,}; {request_id:,} is not")
    if metadata.error is not None and mutation:
        raise UnsupportedMutation("a message that could not be read cannot be changed")
    if metadata.state is None:
        if any(value is not None for value in mutation.values()):
            raise UnsupportedMutation("nothing can be set in an empty frame")
        if request_id not in (None, metadata.request_id):
            raise EncodeError("neither an empty frame nor a message that could not be read has a sequence id to change")
        return metadata.message
    form, protocol, name, header = metadata.state
    message: bytes = metadata.message
    if request_id == metadata.request_id:
        request_id = None
    new_name = _new_name(metadata, name, mutation, protocol)
    keys = {key: value for key, value in mutation.items() if key not in FIELDS}
    edits: list[Edit] = []
    if header is not None:
        if request_id is not None:
            edits.append(Edit(SEQUENCE.start, SEQUENCE.stop, request_id.to_bytes(4)))
        edits += edit_header(message, header, keys, limits)
    elif any(value is not None for value in keys.values()):
        raise UnsupportedMutation(f"only a message in THeader has keys that can be set, so not {sorted(keys)}")
    if new_name is not None or request_id is not None:
        if header is not None and header.transforms:
            data = transforms.undo(message, header.transforms, header.end, limits)
            data = splice(data, _edits_of(protocol, data, 0, new_name, request_id))
            edits.append(Edit(header.end, len(message), transforms.apply(data, header.transforms)))
        else:
            at = form.at if header is None else header.end
            edits += _edits_of(protocol, message, at, new_name, request_id)
    if not edits:
        return message
    return _checked(splice(message, edits), form, detection, limits)


def _new_name(metadata: Metadata, name: str, mutation: Mutation, protocol: Protocol) -> str | None:
    """Return the name that a mutation gives a message, or None if it keeps its own."""
    service, method = split_name(name)
    fields = {"method": method, "service": service, "error": metadata.properties.get("error")}
    changed = {key: value for key, value in mutation.items() if key in FIELDS and value != fields[key]}
    if not changed:
        return None
    if changed.keys() - {"method"}:
        raise UnsupportedMutation(f"of a message's own fields only the method can be changed, not {sorted(changed)}")
    new_method = changed["method"]
    if not new_method:
        raise UnsupportedMutation("a message has a method, which can be renamed and not removed")
    if SEPARATOR in new_method:
        raise UnsupportedMutation(f"the method {new_method!r} would be read as a service and a method")
    return join_name(service, new_method)


def _edits_of(protocol: Protocol, data: bytes, at: int, name: str | None, request_id: int | None) -> list[Edit]:
    places = protocol.places(data, at)
    edits: list[Edit] = []
    if name is not None:
        try:
            written = protocol.write_text(name)
        except UnicodeEncodeError:
            written = b""
        if not written or protocol.read_text(written, 0, len(written)) != name:
            raise UnsupportedMutation(f"the method {name[:80]!r} would not be read back as it is")
        edits.append(Edit(places.name_start, places.name_end, written))
    if request_id is not None:
        edits.append(Edit(places.id_start, places.id_end, protocol.write_id(request_id)))
    return edits


def _checked(message: bytes, form: Form, detection: Detection, limits: Limits) -> bytes:
    """Return a changed message with its new length, if it can still be read."""
    size = len(message)
    if size > limits.max_message_size or size - LENGTH_SIZE > _LONGEST_FRAME:
        raise UnsupportedMutation(
            f"the message would have {size:,} bytes, over the limit of {limits.max_message_size:,}"
        )
    if form.transport != UNFRAMED:
        message = b"".join(((size - LENGTH_SIZE).to_bytes(4), memoryview(message)[LENGTH_SIZE:]))
    if detection.form_of(message) is not form:
        raise UnsupportedMutation("the message would be taken for one in another transport")
    return message
