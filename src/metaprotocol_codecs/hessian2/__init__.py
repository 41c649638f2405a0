"""Hessian 2.0, the serialization that Dubbo speaks by default, as far as a mesh needs it.

Source: the Hessian 2.0 specification, and where writers differ from it, what Apache hessian-lite 3 and 4, Caucho's
Hessian 4, hessian.js and dubbo-go really send.
"""

from metaprotocol_codecs.hessian2.reader import Reader, read_value
from metaprotocol_codecs.hessian2.skip import (
    ReferenceTables,
    read_class_name,
    read_type_end,
    skip_simple_values,
    skip_values,
)
from metaprotocol_codecs.hessian2.strings import read_error_text, read_string, read_strings, read_text
from metaprotocol_codecs.hessian2.values import Date, Instance, Long, Map, TypedList, describe
from metaprotocol_codecs.hessian2.writer import Writer, write_string, write_value

__all__ = [
    "Date",
    "Instance",
    "Long",
    "Map",
    "Reader",
    "ReferenceTables",
    "TypedList",
    "Writer",
    "describe",
    "read_class_name",
    "read_error_text",
    "read_string",
    "read_strings",
    "read_text",
    "read_type_end",
    "read_value",
    "skip_simple_values",
    "skip_values",
    "write_string",
    "write_value",
]
