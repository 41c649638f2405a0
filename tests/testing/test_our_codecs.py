"""Our own codecs have every property, the recommended ones too."""

from pathlib import Path

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.dubbo.strategies import messages as dubbo_messages
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.strategies import messages as thrift_messages
from metaprotocol_sdk.testing import CodecConformance

VECTORS = Path(__file__).parents[1] / "vectors"


class TestAwesomeRpc(CodecConformance):
    codec = AwesomeRpcCodec
    strict = True


class TestDubbo(CodecConformance):
    codec = DubboCodec
    vectors = VECTORS / "dubbo" / "java27-*"
    strict = True

    @classmethod
    def messages(cls):
        return dubbo_messages()


class TestThrift(CodecConformance):
    codec = ThriftCodec
    strict = True

    @classmethod
    def messages(cls):
        return thrift_messages(ThriftCodec())
