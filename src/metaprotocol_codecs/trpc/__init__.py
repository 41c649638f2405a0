"""tRPC, with its streams."""

from metaprotocol_codecs.trpc.codec import TrpcCodec

__all__ = ["TrpcCodec"]
