"""Our own codecs have every property, the recommended ones too."""

from pathlib import Path

import pytest
from hypothesis import settings

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.bolt import BoltCodec
from metaprotocol_codecs.bolt.strategies import messages as bolt_messages
from metaprotocol_codecs.brpc import BrpcCodec
from metaprotocol_codecs.brpc.strategies import deviations as brpc_deviations
from metaprotocol_codecs.brpc.strategies import messages as brpc_messages
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.dubbo.strategies import deviations as dubbo_deviations
from metaprotocol_codecs.dubbo.strategies import messages as dubbo_messages
from metaprotocol_codecs.tars import TarsCodec
from metaprotocol_codecs.tars.strategies import messages as tars_messages
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_codecs.thrift.strategies import messages as thrift_messages
from metaprotocol_codecs.trpc import TrpcCodec
from metaprotocol_codecs.trpc.strategies import messages as trpc_messages
from metaprotocol_sdk.testing import CodecConformance

VECTORS = Path(__file__).parents[1] / "vectors"
# `make deep` chooses these tests, and its profile: then they try as much as `metaprotocol check` does.
pytestmark = pytest.mark.hypothesis
EFFORT = "default" if settings.default.max_examples >= 100 else "quick"


def later(*groups):
    """Leave these groups of properties, which take most of the time, to `make mutants` and `make deep`."""
    prefixes = tuple(f"test_mp_{group}_" for group in groups)

    def mark(conformance):
        for name in [name for name in vars(conformance) if name.startswith(prefixes)]:
            setattr(conformance, name, pytest.mark.mutants(getattr(conformance, name)))
        return conformance

    return mark


costly_later = later("cost", "mutation", "hostile", "framing", "stream", "connection", "conversation", "thread", "text")


class TestAwesomeRpc(CodecConformance):
    codec = AwesomeRpcCodec
    strict = True
    effort = EFFORT


@costly_later
class TestBolt(CodecConformance):
    codec = BoltCodec
    strict = True
    effort = EFFORT

    @classmethod
    def messages(cls):
        return bolt_messages()


@later("cost")
class TestDubbo(CodecConformance):
    codec = DubboCodec
    vectors = VECTORS / "dubbo" / "java27-*"
    strict = True
    deviations = dubbo_deviations
    effort = EFFORT

    @classmethod
    def messages(cls):
        return dubbo_messages()


@costly_later
class TestTars(CodecConformance):
    codec = TarsCodec
    strict = True
    effort = EFFORT

    @classmethod
    def messages(cls):
        return tars_messages()


@later("cost")
class TestThrift(CodecConformance):
    codec = ThriftCodec
    strict = True
    effort = EFFORT

    @classmethod
    def messages(cls):
        return thrift_messages(ThriftCodec())


@costly_later
class TestTrpc(CodecConformance):
    codec = TrpcCodec
    vectors = VECTORS / "trpc" / "go-unary*"
    strict = True
    effort = EFFORT

    @classmethod
    def messages(cls):
        return trpc_messages()


@costly_later
class TestBrpc(CodecConformance):
    codec = BrpcCodec
    vectors = VECTORS / "brpc" / "*"
    strict = True
    deviations = brpc_deviations
    effort = EFFORT

    @classmethod
    def messages(cls):
        return brpc_messages()
