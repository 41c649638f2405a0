"""Thrift's protocols: how a message and its struct are written."""

from metaprotocol_codecs.thrift.protocols.binary import NON_STRICT, STRICT
from metaprotocol_codecs.thrift.protocols.compact import COMPACT
from metaprotocol_codecs.thrift.protocols.json_protocol import JSON
from metaprotocol_codecs.thrift.protocols.protocol import (
    CALL,
    EXCEPTION,
    MESSAGE_TYPES,
    ONEWAY,
    REPLY,
    Protocol,
    cut_off,
    signed,
)

__all__ = [
    "CALL",
    "COMPACT",
    "EXCEPTION",
    "JSON",
    "MESSAGE_TYPES",
    "NON_STRICT",
    "ONEWAY",
    "REPLY",
    "STRICT",
    "Protocol",
    "cut_off",
    "signed",
]
