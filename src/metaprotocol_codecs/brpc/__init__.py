"""bRPC: baidu_std and its streams."""

from metaprotocol_codecs.brpc.codec import BrpcCodec

__all__ = ["BrpcCodec"]
