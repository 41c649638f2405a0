"""Dubbo 2: the codec of Apache Dubbo's TCP protocol."""

from metaprotocol_codecs.dubbo.codec import DubboCodec

__all__ = ["DubboCodec"]
