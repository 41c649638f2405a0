"""AwesomeRPC, the teaching protocol."""

from metaprotocol_codecs.awesomerpc.codec import AwesomeRpcCodec

__all__ = ["AwesomeRpcCodec"]
