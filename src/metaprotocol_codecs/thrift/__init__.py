"""Apache Thrift: the codec of every transport and protocol that its libraries speak over TCP."""

from metaprotocol_codecs.thrift.codec import ThriftCodec

__all__ = ["ThriftCodec"]
