"""A distribution announces a strategy for the messages of its codec."""

from hypothesis import find, given
from hypothesis import strategies as st

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk.testing import provided_messages


@given(st.data())
def test_the_strategy_gets_the_codec_whose_options_rule_out_some_messages(data):
    codec = ThriftCodec(transport="unframed", protocol="json")
    _, message = data.draw(provided_messages("thrift", codec))
    assert message.startswith(b"[1,")


def test_a_strategy_that_takes_nothing_gets_nothing():
    _, message = find(provided_messages("dubbo", DubboCodec()), lambda message: True)
    assert message.startswith(b"\xda\xbb")


def test_a_codec_for_which_nothing_is_announced_has_no_strategy():
    assert provided_messages("nobody", DubboCodec()) is None
