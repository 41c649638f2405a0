"""Reads a request that is plain throughout in one pass: the short way through `request.read_request`.

Plain is what nearly every request of moderate size is: its five strings are short and ASCII, its attachments a plain
map (see `plain`). The arguments may be anything, and are skipped. Whatever else comes is left to the general code.
"""

from __future__ import annotations

from metaprotocol_codecs.dubbo.arguments import LONGEST_KNOWN, known_parameters, parameters_of, skip_arguments
from metaprotocol_codecs.dubbo.attachments import Place
from metaprotocol_codecs.dubbo.plain import read_plain_entries
from metaprotocol_codecs.dubbo.request import GENERIC_METHODS, unclear_service
from metaprotocol_sdk import DecodeError

LONGEST_PLAIN = 4096
"""Bytes; of a longer body a copy as text would cost more than it saves."""
_FIVE = range(5)


def read_plain_request(message: bytes, position: int, longest: int) -> tuple[dict[str, str], Place, str] | None:
    """Return what `request.read_request` would; None if the request is not plain, or cannot be read.

    Args:
        message: A Dubbo message.
        position: Where its body begins.
        longest: Bytes of a body that is looked at; the bounds of what is built must allow all that it can hold.
    """
    size = len(message) - position
    if size > longest:
        return None
    # All at once to text: then every string is a slice.
    raw = message[position:]
    text = raw.decode("latin-1")
    is_ascii = text.isascii()
    strings: list[str] = []
    end = 0
    try:
        for _ in _FIVE:
            tag = raw[end]
            if tag < 0x20:
                start = end + 1
                end = start + tag
            elif 0x30 <= tag <= 0x33:
                start = end + 2
                end = start + (tag - 0x30 << 8 | raw[end + 1])
            else:
                return None
            strings.append(text[start:end])
    except IndexError:
        return None
    dubbo, path, version, method, types = strings
    unclear = ""
    if end > size or method in GENERIC_METHODS or not (is_ascii or raw[:end].isascii()):
        return None
    size, map_start = 0, end
    if types:
        try:
            parameters = known_parameters(types) if len(types) <= LONGEST_KNOWN else parameters_of(types, position)
            if parameters is None:
                return None
            match = parameters.run(raw, end)
            if match is not None:
                map_start = match.end()
            else:
                map_start, _, unclear = skip_arguments(message, position + end, parameters)
                map_start -= position
        except DecodeError:
            return None
        size = parameters.size
    properties = {"interface": path, "method": method, "version": version, "parameter_types": types, "dubbo": dubbo}
    map_end = read_plain_entries(raw, text, map_start, properties)
    if not map_end or not (is_ascii or raw[map_start:map_end].isascii()):
        return None
    # The attachments path, version and group overwrite what the body says, and no other passes for a field.
    interface = properties.get("path", path)
    properties["interface"] = interface
    properties["method"] = method
    properties["parameter_types"] = types
    properties["dubbo"] = dubbo
    if interface != path:
        properties["body_path"] = path
    elif "body_path" in properties:
        del properties["body_path"]
    if "generic_method" in properties:
        del properties["generic_method"]  # noqa: RUF051 (it is hardly ever there, and looking is faster)
    if "/" in interface or ":" in interface or ("group" in properties and "/" in properties["group"]):
        unclear = unclear or unclear_service(properties)
    place = Place(position + end, size, position + map_start, position + map_end)
    return properties, place, unclear
