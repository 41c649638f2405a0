"""Tars, the protocol of TARS."""

from metaprotocol_codecs.tars.codec import TarsCodec

__all__ = ["TarsCodec"]
