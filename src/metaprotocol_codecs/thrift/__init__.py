"""Apache Thrift: the codec of every transport and protocol that its libraries speak over TCP."""

from metaprotocol_codecs.thrift.codec import ThriftCodec
from metaprotocol_codecs.thrift.idl import Field, Idl, Method, Type
from metaprotocol_codecs.thrift.idl_file import read_idl

__all__ = ["Field", "Idl", "Method", "ThriftCodec", "Type", "read_idl"]
