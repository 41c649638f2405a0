"""SOFA-Bolt, the protocol of SOFARPC."""

from metaprotocol_codecs.bolt.codec import BoltCodec

__all__ = ["BoltCodec"]
